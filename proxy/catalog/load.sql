-- Everything the catalogue needs, as one JSON document, in one statement.
--   $1 text[]  the exposed schemas
--   $2 text[]  the exposed schemas and the extra search path
-- It runs with an empty search_path, so that format_type() and pg_get_expr()
-- put a schema on every name that is not of pg_catalog.
with recursive
domain_step as (
  select t.oid, t.typbasetype as base
  from pg_type as t
  where t.typtype = 'd'
  union all
  select s.oid, t.typbasetype
  from domain_step as s
  join pg_type as t on t.oid = s.base and t.typtype = 'd'
),
domain as (
  select s.oid, s.base
  from domain_step as s
  join pg_type as t on t.oid = s.base and t.typtype <> 'd'
),
exposed as (
  select n.oid, n.nspname
  from pg_namespace as n
  where n.nspname = any ($1::text[])
),
searched as (
  select n.oid, n.nspname
  from pg_namespace as n
  where n.nspname = any ($2::text[])
),
relation as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relkind = 'r' and c.relhassubclass as inherited,
    -- No rule, and no trigger before insert: those could leave out a row.
    c.relkind = 'r' and not c.relhasrules and not exists (
      select from pg_trigger as g
      where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 6 = 6) as plain,
    exists (select from pg_trigger as g where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 4 = 4) as fires
  from pg_class as c
  join exposed as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm', 'f', 'p')
    and not c.relispartition
),
enum as (
  select e.enumtypid as oid, json_agg(e.enumlabel order by e.enumsortorder) as labels
  from pg_enum as e
  group by e.enumtypid
),
identity as (
  select d.refobjid as relid, d.refobjsubid as attnum, min(d.objid) as seq
  from pg_depend as d
  where d.deptype = 'i'
    and d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass
    and d.refobjsubid > 0
  group by 1, 2
),
column_of as (
  select
    a.attrelid,
    json_agg(json_build_object(
      'n', a.attname,
      'p', a.attnum,
      't', format_type(a.atttypid, a.atttypmod),
      'b', case
             when d.base is not null then format_type(d.base, null)
             when a.atttypmod >= 0 then format_type(a.atttypid, null)
           end,
      'o', a.atttypid::bigint,
      'l', case
             when h.type in ('bpchar'::regtype, 'varchar'::regtype) then nullif(h.modifier, -1) - 4
             when h.type in ('bit'::regtype, 'varbit'::regtype) then nullif(h.modifier, -1)
           end,
      'nn', a.attnotnull or t.typnotnull,
      'd', case
             when a.attgenerated <> '' then null
             when a.attidentity = 'd' then format('nextval(%L)', i.seq::regclass)
             when ad.adbin is not null then pg_get_expr(ad.adbin, ad.adrelid)
             else pg_get_expr(t.typdefaultbin, 0)
           end,
      'g', nullif(a.attgenerated, ''),
      'i', nullif(a.attidentity, ''),
      'e', e.labels,
      'c', col_description(a.attrelid, a.attnum)
    ) order by a.attnum) as list,
    bool_or(a.attacl is not null) as granted
  from pg_attribute as a
  join relation as r on r.oid = a.attrelid
  join pg_type as t on t.oid = a.atttypid
  -- What holds the length: the column's type, or what its domain is made of.
  cross join lateral (
    select
      case when t.typtype = 'd' then t.typbasetype else a.atttypid end as type,
      case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as modifier
  ) as h
  left join domain as d on d.oid = a.atttypid
  left join pg_attrdef as ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join identity as i
    on i.relid = a.attrelid and i.attnum = a.attnum and a.attidentity = 'd'
  left join enum as e on e.oid = coalesce(d.base, a.atttypid)
  where a.attnum > 0
    and not a.attisdropped
  group by a.attrelid
),
argument as (
  select
    p.oid,
    json_agg(json_build_object(
      'n', coalesce(a.name, ''),
      't', format_type(a.type, null),
      'w', case a.type
             when 'bit'::regtype then 'bit varying'
             when 'bit[]'::regtype then 'bit varying[]'
             when 'character'::regtype then 'character varying'
             when 'character[]'::regtype then 'character varying[]'
           end,
      'r', a.ordinal <= p.pronargs - p.pronargdefaults,
      'v', a.mode = 'v'
    ) order by a.ordinal) as list,
    count(*) filter (where coalesce(a.name, '') = '') as unnamed,
    min(a.type::bigint) filter (where coalesce(a.name, '') = '') as unnamed_type
  from pg_proc as p
  join exposed as n on n.oid = p.pronamespace
  cross join lateral (
    select
      u.name, u.type, u.mode,
      row_number() over (order by u.ordinal) as ordinal
    from unnest(
      p.proargnames,
      coalesce(p.proallargtypes, p.proargtypes::oid[]),
      coalesce(p.proargmodes, array_fill('i'::"char", array[p.pronargs::int]))
    ) with ordinality as u (name, type, mode, ordinal)
    where u.mode in ('i', 'b', 'v')
  ) as a
  group by p.oid
)
select json_build_object(
  'server', current_setting('server_version_num')::int,
  -- Whether this login may read the guards; null where there never was one, or nothing
  -- of ours at all.
  'guards', (
    select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'fluxbase'
      and c.relname = 'guards'
      and pg_relation_size(c.oid) > 0
  ),
  -- Whether there may be service keys.
  'service_keys', to_regprocedure('auth.read_service_keys()') is not null,
  'sessions', to_regprocedure('auth.check_sessions(uuid[])') is not null,
  'schemas', (
    select json_agg(json_build_object(
      'n', n.nspname,
      'c', obj_description(n.oid, 'pg_namespace')))
    from exposed as n
  ),
  'relations', (
    select json_agg(json_build_object(
      'o', r.oid::bigint,
      's', r.nspname,
      'n', r.relname,
      'k', r.relkind,
      'c', obj_description(r.oid, 'pg_class'),
      'h', r.inherited,
      'pl', r.plain,
      'fi', r.fires,
      'rs', r.relrowsecurity,
      -- 8 insert, 4 update, 16 delete; costly, so only where it is in doubt.
      'u', case
             -- It raises for a foreign table whose wrapper has no handler.
             when r.relkind = 'v' or exists (
               select from pg_foreign_table as ft
               join pg_foreign_server as fs on fs.oid = ft.ftserver
               join pg_foreign_data_wrapper as fw on fw.oid = fs.srvfdw
               where ft.ftrelid = r.oid and fw.fdwhandler <> 0)
             then pg_relation_is_updatable(r.oid, true)
             when r.relkind in ('r', 'p') then 28
             else 0
           end,
      'cg', c.granted,
      'cols', c.list
    ) order by r.nspname, r.relname)
    from relation as r
    left join column_of as c on c.attrelid = r.oid
  ),
  -- Keys of tables outside the exposed schemas count too: views may expose them.
  'keys', (
    select json_agg(json_build_object(
      'r', x.conrelid::bigint, 'p', x.contype = 'p', 'k', x.conkey))
    from pg_constraint as x
    join pg_namespace as n on n.oid = x.connamespace
    where x.contype in ('p', 'u')
      and n.nspname <> 'pg_catalog'
  ),
  'links', (
    select json_agg(json_build_object(
      'n', x.conname,
      'r', x.conrelid::bigint, 'k', x.conkey,
      'fr', x.confrelid::bigint, 'fk', x.confkey
    ) order by x.conrelid, x.conname)
    from pg_constraint as x
    join pg_namespace as n on n.oid = x.connamespace
    where x.contype = 'f'
      and x.conparentid = 0
      and n.nspname <> 'pg_catalog'
  ),
  'views', (
    select json_agg(json_build_object('o', c.oid::bigint, 'a', w.ev_action::text))
    from pg_class as c
    join searched as n on n.oid = c.relnamespace
    join pg_rewrite as w on w.ev_class = c.oid and w.rulename = '_RETURN'
    where c.relkind in ('v', 'm')
  ),
  'functions', (
    select json_agg(json_build_object(
      'o', p.oid::bigint,
      's', n.nspname,
      'n', p.proname,
      'c', obj_description(p.oid, 'pg_proc'),
      'a', a.list,
      'v', p.provolatile,
      'set', p.proretset,
      'rt', format_type(p.prorettype, null),
      'rb', case when d.base is not null then format_type(d.base, null) end,
      'rs', tn.nspname,
      'rn', t.typname,
      'rc', coalesce(bt.typtype, t.typtype) = 'c'
            or coalesce(p.proargmodes && '{t,b,o}'::"char"[], false),
      'm', case when d.base is not null and t.typname ~ '^(\*/\*|[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+)$' then t.typname end,
      'rr', nullif(coalesce(bt.typrelid, t.typrelid), 0)::bigint,
      'cfg', p.proconfig,
      'one', coalesce(a.unnamed, 0) = 1,
      'rows', p.prorows
    ) order by n.nspname, p.proname, p.oid)
    from pg_proc as p
    join exposed as n on n.oid = p.pronamespace
    join pg_type as t on t.oid = p.prorettype
    join pg_namespace as tn on tn.oid = t.typnamespace
    left join domain as d on d.oid = t.oid
    left join pg_type as bt on bt.oid = d.base
    left join argument as a on a.oid = p.oid
    where p.prokind = 'f'
      and p.prorettype <> 'trigger'::regtype
      and p.prorettype <> 'event_trigger'::regtype
      and (
        coalesce(a.unnamed, 0) = 0
        or a.unnamed = 1 and a.unnamed_type in (
          'bytea'::regtype, 'json'::regtype, 'jsonb'::regtype,
          'text'::regtype, 'xml'::regtype)
      )
  ),
  -- Functions from a row of one relation to rows of another.
  'computed', (
    select json_agg(json_build_object(
      's', n.nspname,
      'n', p.proname,
      'r', ac.oid::bigint,
      'fr', rc.oid::bigint,
      'one', not p.proretset or p.prorows = 1
    ) order by p.oid)
    from pg_proc as p
    join searched as n on n.oid = p.pronamespace
    join pg_class as ac on ac.reltype = p.proargtypes[0] and ac.relkind <> 'c'
    join pg_class as rc on rc.reltype = p.prorettype and rc.relkind <> 'c'
    where p.pronargs = 1
      and p.prokind = 'f'
  ),
  -- Aggregates over the rows of a relation, or of any, whose result is a domain
  -- that is named like a media type.
  'handlers', (
    select json_agg(json_build_object(
      's', n.nspname,
      'n', p.proname,
      'r', c.oid::bigint,
      'm', t.typname,
      'b', format_type(d.base, null)
    ) order by p.oid)
    from pg_proc as p
    join exposed as n on n.oid = p.pronamespace
    join pg_type as t on t.oid = p.prorettype
    join domain as d on d.oid = t.oid
    left join pg_class as c on c.reltype = p.proargtypes[0] and c.relkind in ('r', 'v', 'm', 'f', 'p')
    where p.prokind = 'a'
      and p.pronargs = 1
      and (c.oid is not null or p.proargtypes[0] = 'anyelement'::regtype)
      and t.typname ~ '^(\*/\*|[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+)$'
  ),
  -- Casts between a domain and json or text: how its values look outside.
  'casts', (
    select json_agg(json_build_object(
      'f', format_type(k.castsource, null),
      't', format_type(k.casttarget, null),
      'fs', n.nspname,
      'fn', p.proname))
    from pg_cast as k
    join pg_proc as p on p.oid = k.castfunc
    join pg_namespace as n on n.oid = p.pronamespace
    join pg_type as s on s.oid = k.castsource
    join pg_type as t on t.oid = k.casttarget
    where k.castcontext = 'i'
      and k.castmethod = 'f'
      and (
        s.typtype = 'd' and k.casttarget in ('json'::regtype, 'text'::regtype)
        or t.typtype = 'd' and k.castsource in ('json'::regtype, 'text'::regtype)
      )
  ),
  -- Operators of distance, which an index can order by.
  'distances', (
    select json_agg(json_build_object(
      't', format_type(o.oprleft, null),
      'o', o.oprname,
      's', n.nspname
    ) order by o.oid)
    from pg_operator as o
    join pg_namespace as n on n.oid = o.oprnamespace
    where o.oprname in ('<->', '<=>', '<#>', '<+>')
      and o.oprleft = o.oprright
      and o.oprleft <> 'tsquery'::regtype
      and (n.nspname = 'pg_catalog' or n.oid in (select s.oid from searched as s))
  ),
  -- What alter role … set says for the roles that this login may become; a
  -- parameter that it may not set itself would fail every request.
  'roles', (
    select json_agg(json_build_object('r', x.rolname, 'cfg', x.cfg))
    from (
      select
        r.rolname,
        json_agg(distinct v.cfg) as cfg
      from pg_db_role_setting as s
      join pg_roles as r on r.oid = s.setrole
      cross join lateral unnest(s.setconfig) as v (cfg)
      left join pg_settings as g on g.name = split_part(v.cfg, '=', 1)
      where s.setdatabase in (0, (select b.oid from pg_database as b where b.datname = current_database()))
        and pg_has_role(r.oid, 'member')
        and (
          coalesce(g.context, 'user') = 'user'
          or has_parameter_privilege(split_part(v.cfg, '=', 1), 'set')
        )
      group by r.rolname
    ) as x
  )
)::text
