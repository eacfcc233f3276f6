create or replace function realtime.heartbeat()
  returns pg_lsn
  language sql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_logical_emit_message(false, 'fluxbase.heartbeat', '')
$$;

comment on function realtime.heartbeat() is
  'Writes a few bytes into the log, so that slots of a database in which nothing happens advance
and need not keep the log of others. Returns their place.';

revoke all on function realtime.heartbeat() from public;
grant execute on function realtime.heartbeat() to service_role, fluxbase_replication;
