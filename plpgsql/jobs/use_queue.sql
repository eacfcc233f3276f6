create or replace function jobs.use_queue(lane integer, count integer)
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  update jobs.queues as q
  set full_at =
    greatest(q.full_at, clock_timestamp()) + make_interval(secs => use_queue.count / q.rate)
  from jobs.lanes as l
  where l.id = use_queue.lane
  and q.namespace = l.namespace
  and q.queue = l.queue
  and q.rate is not null;
end;

comment on function jobs.use_queue(integer, integer) is
  'Counts jobs that were claimed against the rate of their queue.';

revoke all on function jobs.use_queue(integer, integer) from public;
