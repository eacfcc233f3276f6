-- What the caller's role may use of schema $1: the relations by their oid, and of
-- the functions the types of the input parameters, named as search_path has them.
select
  coalesce((
    select json_agg(c.oid::bigint)
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = $1
      and c.relkind in ('r', 'v', 'm', 'f', 'p')
      and not c.relispartition
      and (
        pg_has_role(c.relowner, 'usage')
        or has_table_privilege(
          c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or has_any_column_privilege(c.oid, 'select, insert, update, references')
      )
  ), '[]'),
  coalesce((
    select json_object_agg(p.oid, array(
      select format_type(a.type, null)
      from unnest(p.proargtypes) with ordinality as a (type, number)
      order by a.number))
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = $1
      and has_function_privilege(p.oid, 'execute')
  ), '{}')
