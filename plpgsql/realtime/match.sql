create or replace function realtime.match(
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
  v_condition jsonb;
  v_place integer;
  v_type text;
  v_pairs json;
  v_all json[] := array[]::json[];
begin
  for v_condition in
    select c.value
    from jsonb_array_elements(match.conditions) with ordinality as c (value, i)
    order by c.i
  loop
    v_place := array_position(match.columns, v_condition ->> 'column');
    v_pairs := '[]';
    if v_place is not null then
      v_type := format_type(match.types[v_place], -1);
      execute format(
        'select coalesce(json_agg(json_build_array((f.value ->> 0)::integer, r.n)), ''[]'')
         from jsonb_array_elements($1) with ordinality as r (value, n)
         join jsonb_array_elements($2) as f (value)
           on (r.value ->> %s)::%s %s (f.value ->> 1)::%s',
        v_place - 1,
        v_type,
        case v_condition ->> 'op'
          when 'eq' then '='
          when 'neq' then '<>'
          when 'lt' then '<'
          when 'lte' then '<='
          when 'gt' then '>'
          when 'gte' then '>='
        end,
        v_type
      )
      into v_pairs
      using match."rows", v_condition -> 'values';
    end if;
    v_all := v_all || v_pairs;
  end loop;

  return array_to_json(v_all)::text;
end;
$$;

comment on function realtime.match(text[], oid[], jsonb, jsonb) is
  'Which rows (arrays of the texts of columns) meet which conditions: an array of
{column, op (eq, neq, lt, lte, gt, gte), values: [[number, value]]}. Returns for each condition an
array of [number of the value, number of the row from 1]. Raises what the comparison raises.';

revoke all on function realtime.match(text[], oid[], jsonb, jsonb) from public;
grant execute on function realtime.match(text[], oid[], jsonb, jsonb)
  to authenticator, fluxbase_service;
