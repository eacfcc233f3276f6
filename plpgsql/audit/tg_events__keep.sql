create or replace function audit.tg_events__keep()
  returns trigger
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'insufficient_privilege',
    message = 'events are only ever added',
    hint = 'Old ones go by the month: audit.drop_partitions.';
end;
$$;

comment on function audit.tg_events__keep() is
  'Refuses to change or remove events, also to the owner.';

revoke all on function audit.tg_events__keep() from public;

create or replace trigger only_added
  before update or delete on audit.events
  for each row execute function audit.tg_events__keep();

-- Postgres gives partitions the triggers of rows by itself, but not these.
create or replace trigger never_emptied
  before truncate on audit.events
  for each statement execute function audit.tg_events__keep();
create or replace trigger never_emptied
  before truncate on audit.events_default
  for each statement execute function audit.tg_events__keep();

drop policy if exists service_role_may_read on audit.events;
create policy service_role_may_read on audit.events
  for select to service_role
  using (true);
