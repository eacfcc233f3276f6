-- As realtime.see it becomes the caller, who must be able to use the types.
create or replace function realtime.render(role text, columns text[], types oid[], "rows" jsonb)
  returns text
  language plpgsql
  volatile
as $$
declare
  v_path constant text := current_setting('search_path');
  v_tuple text;
  v_rows json;
begin
  perform set_config('role', render.role, true), set_config('search_path', 'pg_catalog', true);
  select string_agg(
    format('(r.v ->> %s)::%s as %I', u.i - 1, format_type(u.type, -1), u.name), ', ' order by u.i
  ) into v_tuple
  from unnest(render.columns, render.types) with ordinality as u (name, type, i);
  perform set_config('search_path', v_path, true);

  execute format(
    'select json_agg((select row_to_json(x) from (select %s) as x) order by r.n)
     from jsonb_array_elements($1) with ordinality as r (v, n)',
    v_tuple
  )
  into v_rows
  using render."rows";
  return v_rows;
end;
$$;

comment on function realtime.render(text, text[], oid[], jsonb) is
  'Rows (arrays of the texts of columns) as an array of the objects that row_to_json makes of them
for a role. It leaves that role set.';

revoke all on function realtime.render(text, text[], oid[], jsonb) from public;
grant execute on function realtime.render(text, text[], oid[], jsonb)
  to authenticator, fluxbase_service;
