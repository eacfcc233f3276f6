create or replace function realtime.check_changes(
  role text,
  schema_name text,
  table_name text,
  conditions jsonb,
  selected text[]
)
  returns text
  language plpgsql
  stable
  -- How long lists are is not known to the planner, which would compile for long ones.
  set jit = off
as $$
declare
  v_rel oid;
  v_leaf record;
  v_type record;
  v_name text;
  v_types oid[];
  v_answer json;
begin
  if check_changes.table_name is null then
    return case
      when jsonb_array_length(check_changes.conditions) > 0 then 'a filter needs a table'
      when check_changes.selected is not null then 'a selection of columns needs a table'
    end;
  end if;

  -- The view pg_publication_tables would look at every table of every publication.
  select c.oid into v_rel
  from pg_catalog.pg_namespace as n
  join pg_catalog.pg_class as c on c.relnamespace = n.oid
  where n.nspname = check_changes.schema_name
  and c.relname = check_changes.table_name
  and c.oid in (
    select p.relid
    from pg_get_publication_tables('supabase_realtime') as p
  );

  if not found then
    return format(
      'Please check Realtime is enabled for the table: select realtime.enable(%L)',
      format('%I.%I', check_changes.schema_name, check_changes.table_name)
    );
  end if;

  -- Each comparison by itself: within others it might not be reached.
  for v_leaf in
    select
      l.tree ->> 'column' as name,
      array[l.tree ->> 'column'] || array_remove(array[
        nullif(l.tree -> 'other' ->> 'column', l.tree ->> 'column')
      ], null) as names,
      l.tree - 'value' || case
        when l.tree ? 'value' then '{"value": 0}'
        else '{}'
      end::jsonb as tree,
      v.value -> 1 ->> (l.tree ->> 'value')::integer as value
    from jsonb_array_elements(check_changes.conditions) as c (value)
    cross join jsonb_array_elements(c.value -> 'values') as v (value)
    cross join jsonb_path_query(c.value -> 'tree', 'strict $.** ? (exists (@.op))') as l (tree)
  loop
    v_types := '{}';
    foreach v_name in array v_leaf.names loop
      -- A filter on a column that the caller may not read would tell its values.
      select t.oid, t.typcategory = 'S' as is_text into v_type
      from pg_catalog.pg_attribute as a
      join pg_catalog.pg_type as t on t.oid = a.atttypid
      where a.attrelid = v_rel
      and a.attname = v_name
      and a.attnum > 0
      and not a.attisdropped
      and a.attgenerated = ''
      and has_column_privilege(check_changes.role, v_rel, a.attnum, 'select');

      if not found then
        return format('invalid column for filter %s', v_name);
      end if;

      v_types := v_types || v_type.oid;
    end loop;

    -- Against itself if that is a value of the column, so that a pattern is read too.
    v_answer := realtime.match(
      v_rel,
      v_leaf.names,
      v_types,
      jsonb_build_array(jsonb_build_array(case when v_type.is_text then v_leaf.value end)),
      jsonb_build_array(jsonb_build_object(
        'tree', v_leaf.tree,
        'values', jsonb_build_array(jsonb_build_array(0, jsonb_build_array(v_leaf.value)))
      ))
    )::json -> 0;
    if json_typeof(v_answer -> 0) = 'string' then
      return format('invalid value for filter %s: %s', v_leaf.name, v_answer ->> 1);
    end if;
  end loop;

  foreach v_name in array coalesce(check_changes.selected, '{}') loop
    perform
    from pg_catalog.pg_attribute as a
    where a.attrelid = v_rel
    and a.attname = v_name
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
    and has_column_privilege(check_changes.role, v_rel, a.attnum, 'select');

    if not found then
      return format('invalid column for select %s', v_name);
    end if;
  end loop;

  return null;
end;
$$;

comment on function realtime.check_changes(text, text, text, jsonb, text[]) is
  'Why a role can''t listen to the changes of a table with conditions as those of realtime.match
and a selection of columns (null is all that it may read); null if it can. Without a table: of a
schema.';

revoke all on function realtime.check_changes(text, text, text, jsonb, text[]) from public;
grant execute on function realtime.check_changes(text, text, text, jsonb, text[])
  to authenticator, fluxbase_service;
