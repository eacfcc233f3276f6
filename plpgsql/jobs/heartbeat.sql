create or replace function jobs.heartbeat(
  worker uuid,
  lease interval default '30 seconds',
  name text default ''
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- A write for each call would be one for each few jobs.
  if exists (
    select from jobs.workers as w
    where w.id = heartbeat.worker
    and w.live_until > clock_timestamp() + heartbeat.lease * 0.7
    and w.live_until <= clock_timestamp() + heartbeat.lease
  ) then
    return;
  end if;

  insert into jobs.workers as w (id, name, lease, live_until)
  values (
    heartbeat.worker, coalesce(heartbeat.name, ''), heartbeat.lease,
    clock_timestamp() + heartbeat.lease
  )
  on conflict on constraint workers_pkey do update
  set live_until = excluded.live_until,
      lease = excluded.lease,
      name = excluded.name;
end;
$$;

comment on function jobs.heartbeat(uuid, interval, text) is
  'Says that a worker lives: for the time of the lease what it has claimed stays its own. jobs.claim
and jobs.finish say so too. Raises 23514 for a lease of less than a second or more than a day.';

revoke all on function jobs.heartbeat(uuid, interval, text) from public;
grant execute on function jobs.heartbeat(uuid, interval, text) to service_role;
