create or replace function jobs.overview(most integer default 200)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
  with depth as materialized (
    select * from jobs.queue_depths()
  ),
  -- Also those that are set and were never used.
  queue as (
    select
      coalesce(d.namespace, q.namespace) as namespace, coalesce(d.queue, q.queue) as queue,
      coalesce(d.ready, 0) as ready, coalesce(d.ready_is_estimate, false) as ready_is_estimate,
      d.oldest_at, coalesce(d.running, 0) as running, coalesce(d.scheduled, 0) as scheduled,
      coalesce(d.blocked, 0) as blocked, coalesce(d.dead, 0) as dead, q.paused_at, q.pause_reason,
      q.concurrency, q.rate, q.burst
    from depth as d
    full join jobs.queues as q on q.namespace = d.namespace and q.queue = d.queue
  )
  select jsonb_build_object(
    'queues', (
      select coalesce(jsonb_agg(to_jsonb(q) order by q.namespace, q.queue), '[]')
      from (
        select q.*
        from queue as q
        order by q.ready + q.running desc, q.paused_at, q.namespace, q.queue
        limit least(greatest(overview.most, 1), 1000)
      ) as q
    ),
    'all', (
      select jsonb_build_object(
        'queues', count(*), 'ready', coalesce(sum(q.ready), 0),
        'ready_is_estimate', coalesce(bool_or(q.ready_is_estimate), false),
        'running', coalesce(sum(q.running), 0), 'scheduled', coalesce(sum(q.scheduled), 0),
        'blocked', coalesce(sum(q.blocked), 0), 'dead', coalesce(sum(q.dead), 0),
        'oldest_at', min(q.oldest_at)
      )
      from queue as q
    ),
    'workers', (
      select jsonb_build_object('live', count(*), 'draining', count(w.draining_at))
      from jobs.workers as w
      where w.live_until >= clock_timestamp()
    ),
    'sampled_at', (
      select h.at
      from jobs.history as h
      where h.namespace = ''
      and h.queue = ''
      order by h.at desc
      limit 1
    )
  );
$$;

comment on function jobs.overview(integer) is
  'How the queues are now, as jobs.queue_depths counts, with their pauses and limits (those with the
most to do, at most so many and 1000), all of them together, the workers, and up to when
jobs.history has been written.';

revoke all on function jobs.overview(integer) from public;
grant execute on function jobs.overview(integer) to service_role;
