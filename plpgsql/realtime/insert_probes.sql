create or replace function realtime.insert_probes(topic text)
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into realtime.messages (topic, extension)
  values (insert_probes.topic, 'broadcast'), (insert_probes.topic, 'presence')
$$;

comment on function realtime.insert_probes(text) is
  'Inserts a row of each extension, for realtime.authorize to see which of them a caller may see.';

revoke all on function realtime.insert_probes(text) from public;
grant execute on function realtime.insert_probes(text) to authenticator, fluxbase_service;
