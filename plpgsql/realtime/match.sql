create or replace function realtime.match(
  rel oid,
  columns text[],
  types oid[],
  "rows" jsonb,
  conditions jsonb
)
  returns text
  language plpgsql
  stable
as $$
declare
  v_base oid;
  v_types text[];
  v_row text;
  v_condition jsonb;
  v_pairs json;
  v_all json[] := array[]::json[];
begin
  for v_i in 1..cardinality(match.columns) loop
    -- A domain's checks are for rows, not for what they are compared with.
    v_base := match.types[v_i];
    loop
      select t.typbasetype into v_base
      from pg_catalog.pg_type as t
      where t.oid = v_base
      and t.typtype = 'd';
      exit when not found;
      v_types[v_i] := format_type(v_base, -1);
    end loop;
    v_types[v_i] := coalesce(v_types[v_i], format_type(match.types[v_i], -1));
  end loop;

  select string_agg(
    format('(r.value ->> %s)::%s%s as %I', u.i - 1, v_types[u.i], c.clause, u.name),
    ', ' order by u.i
  ) into v_row
  from unnest(match.columns) with ordinality as u (name, i)
  left join lateral (
    select format(' collate %I.%I', n.nspname, l.collname) as clause
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_collation as l on l.oid = a.attcollation
    join pg_catalog.pg_namespace as n on n.oid = l.collnamespace
    where a.attrelid = match.rel
    and a.attname = u.name
    and a.atttypid = match.types[u.i]
    and l.collname <> 'default'
  ) as c on true;

  for v_condition in
    select c.value
    from jsonb_array_elements(match.conditions) with ordinality as c (value, i)
    order by c.i
  loop
    begin
      execute format(
        'select coalesce(json_agg(json_build_array(f.n, r."fluxbase.n")), ''[]'')
         from (
           select r.n as "fluxbase.n"%s
           from jsonb_array_elements($1) with ordinality as r (value, n)
         ) as r
         join (
           select (f.value ->> 0)::integer as n, f.value -> 1 as v
           from jsonb_array_elements($2) as f (value)
         ) as f
           on %s',
        ', ' || v_row,
        realtime.condition(v_condition -> 'tree', match.columns, v_types)
      )
      into v_pairs
      using match."rows", v_condition -> 'values';
    exception
      when others then
        v_pairs := json_build_array(sqlstate, sqlerrm);
    end;
    v_all := v_all || v_pairs;
  end loop;

  return array_to_json(v_all)::text;
end;
$$;

comment on function realtime.match(oid, text[], oid[], jsonb, jsonb) is
  'Which rows of a table (arrays of the texts of columns) meet which conditions: an array of {tree,
values: [[number, [value, ...]], ...]}, in which tree is as realtime.condition takes it and each
list of values makes one filter of it. Returns for each condition an array of [number of the values,
number of the row from 1], or of a SQLSTATE and a message if it could not be evaluated.';

revoke all on function realtime.match(oid, text[], oid[], jsonb, jsonb) from public;
grant execute on function realtime.match(oid, text[], oid[], jsonb, jsonb)
  to authenticator, fluxbase_service;
