create or replace function jobs.emit(
  name text,
  payload jsonb default '{}',
  namespace text default 'default'
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into jobs.events (namespace, name, payload)
  values (emit.namespace, emit.name, emit.payload)
  on conflict on constraint events_pkey do nothing;
  if not found then
    return false;
  end if;

  insert into jobs.arrivals (namespace, event)
  values (emit.namespace, emit.name);
  perform jobs.wake(0);
  return true;
end;
$$;

comment on function jobs.emit(text, jsonb, text) is
  'Tells jobs of an event, if and when the transaction commits: those that wait for it run, and
those that will ask for it in the next 30 days find it in jobs.events. Only the first of a name
counts. Returns whether it was.';

revoke all on function jobs.emit(text, jsonb, text) from public;
grant execute on function jobs.emit(text, jsonb, text) to service_role;
