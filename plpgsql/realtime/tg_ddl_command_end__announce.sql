-- It runs as its owner, because only that may sign a message, whoever changes the schema.
create or replace function realtime.tg_ddl_command_end__announce()
  returns event_trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_empty boolean;
  v_objects jsonb;
begin
  -- DROP is told by sql_drop. To fill a materialized view anew changes no schema.
  if tg_tag like 'DROP %' or tg_tag = 'REFRESH MATERIALIZED VIEW' then
    return;
  end if;

  select
    count(*) = 0,
    jsonb_agg(
      jsonb_build_object('type', o.object_type, 'schema', o.schema_name, 'name', o.name)
    ) filter (where o.n <= 20 and not o.is_temporary)
  into v_is_empty, v_objects
  from (
    select
      c.object_type,
      c.schema_name,
      left(c.object_identity, 200) as name,
      coalesce(c.schema_name = 'pg_temp', false) as is_temporary,
      row_number() over () as n
    from pg_event_trigger_ddl_commands() as c
  ) as o;

  -- Anyone may make temporary tables, all day long. An empty list is no sign: some
  -- forms of ALTER PUBLICATION give one.
  if v_is_empty or v_objects is not null then
    perform fluxbase.emit(
      'ddl', jsonb_build_object('tag', tg_tag, 'objects', coalesce(v_objects, '[]'))
    );
  end if;
exception
  when others then
    -- The user's own change must not fail over this. It is noticed later, by asking.
    raise warning 'fluxbase could not announce %: %', tg_tag, sqlerrm;
end;
$$;

comment on function realtime.tg_ddl_command_end__announce() is
  'Event trigger: tells the processes that follow the stream what changed in the schema, in the
order of commits. At most 20 objects of a command are named.';

revoke all on function realtime.tg_ddl_command_end__announce() from public;
