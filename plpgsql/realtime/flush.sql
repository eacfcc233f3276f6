create or replace function realtime.flush(until pg_lsn)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_current_wal_flush_lsn() < flush.until then
    -- Only who has written something waits at the commit.
    perform
      pg_logical_emit_message(true, 'fluxbase.flush', ''),
      set_config('synchronous_commit', 'on', true);
  end if;
end;
$$;

comment on function realtime.flush(pg_lsn) is
  'Has the transaction that calls it wait at its commit until the log is on disk up to a place, so
that nothing that was read before it can be lost in a crash.';

revoke all on function realtime.flush(pg_lsn) from public;
grant execute on function realtime.flush(pg_lsn) to fluxbase_replication;
