-- PostgREST's settings that this database holds for the login, as a JSON object.
--   $1  the names to look for, a JSON array
--   $2  whether a function has set some just now, in this transaction
-- A setting for the role in this database comes before one for the role, and that
-- before the function's. A value for the whole database doesn't count: it would be
-- anyone's to set who owns the database.
with
wanted as (
  select n.name
  from json_array_elements_text($1::json) as n (name)
),
given as (
  select
    split_part(c.text, '=', 1) as name,
    substr(c.text, strpos(c.text, '=') + 1) as value,
    case when s.setdatabase = 0 then 2 else 1 end as rank
  from pg_catalog.pg_db_role_setting as s
  join pg_catalog.pg_roles as r on r.oid = s.setrole
  cross join lateral unnest(s.setconfig) as c (text)
  where r.rolname = current_user
    and s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = current_database()))
  union all
  select 'pgrst.' || w.name, current_setting('pgrst.' || w.name, true), 3
  from wanted as w
  where $2::boolean
),
first as (
  select distinct on (w.name)
    w.name,
    g.value
  from wanted as w
  join given as g on g.name = 'pgrst.' || w.name
  where g.value is not null
  order by w.name, g.rank
)
select coalesce(json_object_agg(f.name, f.value), '{}')::text
from first as f
