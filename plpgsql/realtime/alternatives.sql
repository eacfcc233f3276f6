create or replace function realtime.alternatives(condition text)
  returns text[]
  language plpgsql
  immutable
  strict
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_token text;
  v_depth integer := 0;
  v_part text := '';
  v_parts text[] := array[]::text[];
begin
  for v_token in
    select t.token[1]
    from regexp_matches(
      alternatives.condition, '''(?:[^'']|'''')*''|"(?:[^"]|"")*"| OR |[^''"]', 'g'
    ) with ordinality as t (token, n)
    order by t.n
  loop
    if v_token = '(' then
      v_depth := v_depth + 1;
      continue when v_depth = 1;
    elsif v_token = ')' then
      v_depth := v_depth - 1;
      continue when v_depth = 0;
    elsif v_depth = 0 then
      return array[alternatives.condition]; -- is not one pair of parentheses
    elsif v_token = ' OR ' and v_depth = 1 then
      v_parts := v_parts || v_part;
      v_part := '';
      continue;
    end if;
    v_part := v_part || v_token;
  end loop;
  return case
    when cardinality(v_parts) > 0 then v_parts || v_part
    else array[alternatives.condition]
  end;
end;
$$;

comment on function realtime.alternatives(text) is
  'The conditions of which one must hold, of a condition as pg_get_expr gives it: the sides of its
outermost OR. Joined alone, each can be planned by its own index.';

revoke all on function realtime.alternatives(text) from public;
grant execute on function realtime.alternatives(text) to authenticator;
