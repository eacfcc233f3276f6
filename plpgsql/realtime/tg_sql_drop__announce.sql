create or replace function realtime.tg_sql_drop__announce()
  returns event_trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_objects jsonb;
begin
  select jsonb_agg(
    jsonb_build_object('type', o.object_type, 'schema', o.schema_name, 'name', o.name)
  )
  into v_objects
  from (
    select
      d.object_type,
      d.schema_name,
      left(d.object_identity, 200) as name
    from pg_event_trigger_dropped_objects() as d
    where not d.is_temporary
    limit 20
  ) as o;

  if v_objects is not null then
    perform fluxbase.emit('ddl', jsonb_build_object('tag', tg_tag, 'objects', v_objects));
  end if;
exception
  when others then
    raise warning 'fluxbase could not announce %: %', tg_tag, sqlerrm;
end;
$$;

comment on function realtime.tg_sql_drop__announce() is
  'Event trigger: as tg_ddl_command_end__announce, for what is dropped, also from a publication.';

revoke all on function realtime.tg_sql_drop__announce() from public;
