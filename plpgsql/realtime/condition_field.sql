create or replace function realtime.condition_field(field jsonb, columns text[], types text[])
  returns text[]
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_place constant integer
    := array_position(condition_field.columns, condition_field.field ->> 'column');
  v_type text := condition_field.types[v_place];
  v_sql text := 'r.' || quote_ident(condition_field.field ->> 'column');
  v_step record;
begin
  if v_place is null then
    return null;
  end if;

  for v_step in
    select
      s.i,
      s.value ->> 'key' as key,
      coalesce((s.value -> 'index')::boolean, false) as is_index,
      coalesce((s.value -> 'text')::boolean, false) as is_text
    from jsonb_array_elements(condition_field.field -> 'path') with ordinality as s (value, i)
    order by s.i
  loop
    if v_step.i = 1 and v_type not in ('json', 'jsonb') then
      v_sql := format('to_jsonb(%s)', v_sql);
    end if;
    v_sql := format(
      case when v_step.is_index then '(%s %s %L::integer)' else '(%s %s %L::text)' end,
      v_sql,
      case when v_step.is_text then '->>' else '->' end,
      v_step.key
    );
    v_type := case
      when v_step.is_text then 'text'
      when v_type = 'json' then 'json'
      else 'jsonb'
    end;
  end loop;

  return array[v_sql, v_type];
end;
$$;

comment on function realtime.condition_field(jsonb, text[], text[]) is
  'A field of a filter, {column, path: [{key, index, text}]}, as SQL over r, which has columns of
these types, and its type; null if the column is not among those.';

revoke all on function realtime.condition_field(jsonb, text[], text[]) from public;
grant execute on function realtime.condition_field(jsonb, text[], text[])
  to authenticator, fluxbase_service;
