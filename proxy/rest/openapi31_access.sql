-- What the caller's role may use of schema $1, or all of it if $2: the rights to each
-- relation, by its oid, as letters (select, insert, update, delete), and the functions.
-- Then the types that need to be told what they are made of, under their full names:
-- the labels of an enum, the attributes of a composite, the base of a domain.
with
named as (
  select t.oid, t.typtype, t.typrelid, t.typbasetype, c.relkind,
    case
      when n.nspname = 'pg_catalog' then format_type(t.oid, null)
      when t.typcategory = 'A' and e.oid is not null
      then quote_ident(n.nspname) || '.' || quote_ident(e.typname) || '[]'
      else quote_ident(n.nspname) || '.' || quote_ident(t.typname)
    end as name
  from pg_type as t
  join pg_namespace as n on n.oid = t.typnamespace
  left join pg_class as c on c.oid = t.typrelid
  left join pg_type as e on e.oid = t.typelem
)
select
  coalesce((
    select json_object_agg(r.oid, r.rights order by r.oid)::text
    from (
      select c.oid::bigint as oid, concat(
        case when $2::boolean or has_any_column_privilege(c.oid, 'select') then 's' end,
        case when $2::boolean or has_any_column_privilege(c.oid, 'insert') then 'i' end,
        case when $2::boolean or has_any_column_privilege(c.oid, 'update') then 'u' end,
        case when $2::boolean or has_table_privilege(c.oid, 'delete') then 'd' end) as rights
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname = $1
        and c.relkind in ('r', 'v', 'm', 'f', 'p')
        and not c.relispartition
    ) as r
    where r.rights <> ''
  ), '{}'),
  coalesce((
    select json_agg(p.oid::bigint order by p.oid)::text
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = $1
      and ($2::boolean or has_function_privilege(p.oid, 'execute'))
  ), '[]'),
  coalesce((
    select json_object_agg(t.name, case t.typtype
      when 'e' then (
        select json_build_object('enum', json_agg(e.enumlabel order by e.enumsortorder))
        from pg_enum as e
        where e.enumtypid = t.oid)
      when 'd' then json_build_object('base', (select b.name from named as b where b.oid = t.typbasetype))
      else json_build_object('comment', obj_description(t.typrelid, 'pg_class'), 'fields', (
        select json_agg(json_build_object('name', a.attname, 'type', b.name) order by a.attnum)
        from pg_attribute as a
        join named as b on b.oid = a.atttypid
        where a.attrelid = t.typrelid
          and a.attnum > 0
          and not a.attisdropped))
    end order by t.name)::text
    from named as t
    join pg_type as y on y.oid = t.oid
    join pg_namespace as n on n.oid = y.typnamespace
    where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
      and (t.typtype in ('e', 'd') or t.typtype = 'c' and t.relkind = 'c')
  ), '{}')
