create or replace function realtime.emit_broadcasts(messages jsonb)
  returns pg_lsn
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select fluxbase.emit('broadcast', emit_broadcasts.messages)
$$;

comment on function realtime.emit_broadcasts(jsonb) is
  'Sends broadcasts of clients, whose rights the process has checked, to all processes: an array
of {topic, event, payload (a text, JSON or base64), private, from (the sender), bytes (whether the
payload is base64)}.';

revoke all on function realtime.emit_broadcasts(jsonb) from public;
grant execute on function realtime.emit_broadcasts(jsonb) to fluxbase_replication;
