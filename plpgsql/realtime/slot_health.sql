create or replace function realtime.slot_health()
  returns table (slot name, active boolean, wal_status text, lag_bytes bigint, safe_bytes bigint)
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
  select
    s.slot_name,
    s.active,
    s.wal_status,
    pg_wal_lsn_diff(
      case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
      s.confirmed_flush_lsn
    )::bigint,
    s.safe_wal_size
  from pg_replication_slots as s
  where starts_with(s.slot_name::text, 'fluxbase_')
  and s.plugin = 'pgoutput'
  and s.database = current_database()
  order by s.slot_name
$$;

comment on function realtime.slot_health() is
  'The replication slots that stream changes of this database: whether a process reads it, whether
the log it needs is there (reserved, extended, unreserved, lost), how many bytes of log it is
behind, and how many more may be written before it is lost; null while nothing limits that.';

revoke all on function realtime.slot_health() from public;
grant execute on function realtime.slot_health() to service_role, fluxbase_replication;
