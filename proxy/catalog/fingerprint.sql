-- A short text that changes with anything load.sql reads.
--   $1, $2 as there
-- Each row of the catalogs carries the transaction that wrote it, so a count
-- and a sum of these see every insert, update and delete. A maximum would miss
-- deletes, and statistics of the catalogs come late. The few large catalogs are
-- read only for the schemas in question. xmin itself can't be summed up.
with
searched as (
  select n.oid, n.xmin
  from pg_namespace as n
  where n.nspname = any ($1::text[])
     or n.nspname = any ($2::text[])
),
relation as (
  select c.oid, c.xmin
  from pg_class as c
  where c.relnamespace in (select s.oid from searched as s)
    and c.relkind in ('r', 'v', 'm', 'f', 'p')
)
select concat_ws(' ',
  (select count(*) || '.' || sum(x.xmin::text::bigint) from searched as x),
  (select count(*) || '.' || sum(x.xmin::text::bigint) from relation as x),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_attribute as x where x.attrelid in (select r.oid from relation as r) and x.attnum > 0),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_attrdef as x where x.adrelid in (select r.oid from relation as r)),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_constraint as x where x.contype in ('p', 'u', 'f')),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_rewrite as x where x.ev_class in (select r.oid from relation as r)),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_trigger as x where x.tgrelid in (select r.oid from relation as r) and not x.tgisinternal),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_proc as x where x.pronamespace in (select s.oid from searched as s)),
  (select count(*) || '.' || sum(x.xmin::text::bigint) from pg_enum as x),
  (select count(*) || '.' || sum(x.xmin::text::bigint) from pg_type as x where x.typtype = 'd'),
  (select count(*) || '.' || sum(x.xmin::text::bigint) from pg_cast as x where x.oid > 16383),
  (select count(*) || '.' || sum(x.xmin::text::bigint) from pg_operator as x where x.oid > 16383),
  (select count(*) || '.' || sum(x.xmin::text::bigint)
   from pg_description as x
   where x.classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass)
     and x.objoid > 16383),
  (select count(*) || '.' || sum(x.xmin::text::bigint) from pg_db_role_setting as x))
