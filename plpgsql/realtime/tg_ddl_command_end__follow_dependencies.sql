-- It runs as whoever changes the policy; only who may change our publication may call
-- the function.
create or replace function realtime.tg_ddl_command_end__follow_dependencies()
  returns event_trigger
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
begin
  if not has_function_privilege('realtime.follow_dependencies(regclass)', 'execute') then
    return;
  end if;

  for v_table in
    select p.polrelid
    from pg_event_trigger_ddl_commands() as d
    join pg_policy as p on p.oid = d.objid
    where d.classid = 'pg_policy'::regclass
  loop
    if realtime.is_enabled(v_table) then
      perform realtime.follow_dependencies(v_table);
    end if;
  end loop;
exception
  when others then
    -- The user's own change must not fail over this.
    raise warning 'fluxbase could not follow what policies read: %', sqlerrm;
end;
$$;

comment on function realtime.tg_ddl_command_end__follow_dependencies() is
  'Event trigger: realtime.follow_dependencies for tables that are enabled, when their policies
change.';

revoke all on function realtime.tg_ddl_command_end__follow_dependencies() from public;
