create or replace function realtime.tg_messages__broadcast()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if NEW.extension = 'broadcast' and NEW.event is not null then
    perform fluxbase.emit('broadcast', jsonb_build_array(jsonb_build_object(
      'topic', NEW.topic,
      'event', NEW.event,
      -- As text: a subscriber gets it as it is.
      'payload', coalesce(NEW.payload, '{}')::text,
      'private', NEW.private
    )));
  end if;
  delete from realtime.messages as m
  where m.id = NEW.id;
  return null;
end;
$$;

comment on function realtime.tg_messages__broadcast() is
  'Broadcasts a row of realtime.messages when its transaction commits, and deletes it.';

revoke all on function realtime.tg_messages__broadcast() from public;

-- Deferred, so that realtime.authorize sees its probes.
drop trigger if exists broadcast on realtime.messages;
create constraint trigger broadcast
  after insert on realtime.messages
  deferrable initially deferred
  for each row execute function realtime.tg_messages__broadcast();

-- Where no superuser was at hand, service_role does not pass row level security.
drop policy if exists service_role_may_all on realtime.messages;
create policy service_role_may_all on realtime.messages
  to service_role
  using (true)
  with check (true);
