create or replace function realtime.create_event_triggers()
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger record;
begin
  for v_trigger in
    select t.name, t.definition
    from (
      values
        ('fluxbase_ddl',
         'on ddl_command_end execute function realtime.tg_ddl_command_end__announce()'),
        ('fluxbase_drop',
         'on sql_drop execute function realtime.tg_sql_drop__announce()'),
        ('fluxbase_identity',
         'on ddl_command_end
          when tag in (
            ''CREATE PUBLICATION'', ''ALTER PUBLICATION'', ''CREATE TABLE'', ''CREATE TABLE AS'',
            ''SELECT INTO'', ''ALTER TABLE'', ''DROP INDEX''
          )
          execute function realtime.tg_ddl_command_end__keep_identity()'),
        ('fluxbase_follow',
         'on ddl_command_end
          when tag in (''CREATE POLICY'', ''ALTER POLICY'')
          execute function realtime.tg_ddl_command_end__follow_dependencies()')
    ) as t (name, definition)
    where not exists (select from pg_event_trigger as e where e.evtname = t.name)
  loop
    execute format('create event trigger %I %s', v_trigger.name, v_trigger.definition);
  end loop;
  return true;
exception
  when duplicate_object or unique_violation then
    return true; -- another made them meanwhile
  when insufficient_privilege then
    return false;
end;
$$;

comment on function realtime.create_event_triggers() is
  'Makes the event triggers that announce changes of the schema and keep published tables
writable, where they are missing. Returns false where the caller may not: Postgres wants a
superuser. Without them changes of the schema are noticed by asking, once a second.';

revoke all on function realtime.create_event_triggers() from public;
