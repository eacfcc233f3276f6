create or replace function jobs.look(out seen xid8, out open xid8[])
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  select
    pg_snapshot_xmax(n.now),
    -- Its own transaction is one that has not ended: what it added, and may yet add, is for the
    -- next look. If it is the last that has begun, it counts as one that has not.
    array(
      select x.xid
      from (
        select pg_snapshot_xip(n.now)
        union all
        select pg_current_xact_id_if_assigned()
      ) as x (xid)
      where x.xid < pg_snapshot_xmax(n.now)
      order by x.xid
    )
  from pg_current_snapshot() as n (now);
end;

comment on function jobs.look() is
  'Returns which transactions have ended, for jobs.cursors: seen is the first that has not begun,
open are those before it that have not ended, its own among them.';

revoke all on function jobs.look() from public;
