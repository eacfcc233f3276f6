create or replace function realtime.check_changes(
  role text,
  schema_name text,
  table_name text,
  conditions jsonb
)
  returns text
  language plpgsql
  stable
as $$
declare
  v_rel oid;
  v_condition jsonb;
  v_type oid;
begin
  if check_changes.table_name is null then
    return case when jsonb_array_length(check_changes.conditions) > 0
      then 'a filter needs a table'
    end;
  end if;

  select c.oid into v_rel
  from pg_catalog.pg_publication_tables as p
  join pg_catalog.pg_namespace as n on n.nspname = p.schemaname
  join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = p.tablename
  where p.pubname = 'supabase_realtime'
  and p.schemaname = check_changes.schema_name
  and p.tablename = check_changes.table_name;

  if not found then
    return format(
      'Please check Realtime is enabled for the table: select realtime.enable(%L)',
      format('%I.%I', check_changes.schema_name, check_changes.table_name)
    );
  end if;

  for v_condition in
    select c.value
    from jsonb_array_elements(check_changes.conditions) as c (value)
  loop
    -- A filter on a column that the caller may not read would tell its values.
    select a.atttypid into v_type
    from pg_catalog.pg_attribute as a
    where a.attrelid = v_rel
    and a.attname = v_condition ->> 'column'
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
    and has_column_privilege(check_changes.role, v_rel, a.attnum, 'select');

    if not found then
      return format('invalid column for filter %s', v_condition ->> 'column');
    end if;

    begin
      -- Each value against itself.
      perform realtime.match(
        array[v_condition ->> 'column'],
        array[v_type],
        (
          select jsonb_agg(jsonb_build_array(v.value ->> 1))
          from jsonb_array_elements(v_condition -> 'values') as v (value)
        ),
        jsonb_build_array(v_condition)
      );
    exception
      when others then
        return format('invalid value for filter %s: %s', v_condition ->> 'column', sqlerrm);
    end;
  end loop;

  return null;
end;
$$;

comment on function realtime.check_changes(text, text, text, jsonb) is
  'Why a role can''t listen to the changes of a table with conditions as those of realtime.match;
null if it can. Without a table: of a schema.';

revoke all on function realtime.check_changes(text, text, text, jsonb) from public;
grant execute on function realtime.check_changes(text, text, text, jsonb)
  to authenticator, fluxbase_service;
