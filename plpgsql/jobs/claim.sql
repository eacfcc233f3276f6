create or replace function jobs.claim(
  worker uuid,
  want integer default 1,
  queues text[] default null,
  namespace text default 'default',
  lease interval default '30 seconds',
  name text default ''
)
  returns setof jobs.claimed
  language plpgsql
  volatile
  security definer
  rows 100
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lane integer;
  v_lanes integer[];
  v_left integer := want;
  v_room integer;
  v_count integer;
  v_limited constant boolean := exists (
    select from jobs.queues as q
    where q.concurrency is not null
    or q.rate is not null
  );
begin
  if worker is null or want is null or want not between 1 and 10000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a worker has an id, and claims from 1 to 10000 jobs at once';
  end if;
  -- With a snapshot from before the lock it would hand out what another has been handed.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = 'invalid_transaction_state',
      message = 'jobs are claimed in transactions of isolation level read committed';
  end if;
  if exists (select from jobs.homes as h where h.xid <> h.xmin) then
    perform jobs.adopt();
  end if;
  perform jobs.heartbeat(claim.worker, claim.lease, claim.name);

  if exists (
    select from jobs.workers as w
    where w.id = claim.worker
    and w.draining_at is not null
  ) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'this worker is draining: it finishes what it has and claims no more';
  end if;

  v_lanes := jobs.lock_lanes(claim.namespace, claim.queues);

  foreach v_lane in array v_lanes loop
    v_room := v_left;
    if v_limited then
      v_room := jobs.queue_room(v_lane, v_left);
      continue when v_room = 0;
    end if;
    return query
    select t.*
    from jobs.take(claim.worker, v_lane, v_room) as t;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;
    if v_limited and v_count > 0 then
      perform jobs.use_queue(v_lane, v_count);
    end if;
    exit when v_left = 0;
  end loop;
end;
$$;

comment on function jobs.claim(uuid, integer, text[], text, interval, text) is
  'Hands out jobs to a worker, at most so many as it wants: rows of the event run. queues are
those of the namespace that it works on (null: all), the most urgent priority first, older jobs
before them as jobs.queues.aging says. worker is an id that the worker''s process has made; when
it was not heard of (claim, finish, heartbeat) for the lease, others get what it has not finished.
Raises 55000 while the worker is draining. What a transaction itself has added it is not handed.';

revoke all on function jobs.claim(uuid, integer, text[], text, interval, text) from public;
grant execute on function jobs.claim(uuid, integer, text[], text, interval, text)
  to service_role;
