create or replace function jobs.queue_room(lane integer, want integer)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_queue jobs.queues;
  v_running bigint := 0;
begin
  -- A lane may be new, and locked by another: the row is what all of the queue have in common.
  select q.* into v_queue
  from jobs.lanes as l
  join jobs.queues as q on q.namespace = l.namespace and q.queue = l.queue
  where l.id = queue_room.lane
  and (q.concurrency is not null or q.rate is not null)
  for update of q;
  if not found then
    return want;
  end if;

  if v_queue.concurrency is not null then
    select coalesce(sum(upper(r.ids) - lower(r.ids)), 0) into v_running
    from jobs.lanes as l
    join jobs.batches as b on b.lane = l.id
    cross join lateral unnest(b.jobs - b.done) as r (ids)
    where l.namespace = v_queue.namespace
    and l.queue = v_queue.queue;
  end if;

  return jobs.room(
    v_queue.full_at, v_queue.rate, v_queue.burst,
    greatest(0, least(want, coalesce(v_queue.concurrency - v_running, want)))
  );
end;
$$;

comment on function jobs.queue_room(integer, integer) is
  'How many jobs of a lane may be claimed now by what jobs.limit_queue has set, at most want.
Locks the row of the queue if it is limited.';

revoke all on function jobs.queue_room(integer, integer) from public;
