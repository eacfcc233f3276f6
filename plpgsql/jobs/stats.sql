create or replace function jobs.stats(most integer default 10000)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
  with running as (
    select b.lane, sum(b.size - coalesce(e.ended, 0)) as jobs
    from jobs.batches as b
    cross join lateral (
      select sum(upper(r.ids) - lower(r.ids)) as ended
      from unnest(b.done) as r (ids)
    ) as e
    group by b.lane
  ),
  dead as (
    select d.lane, count(*) as jobs
    from (select d.lane from jobs.dead as d limit stats.most) as d
    group by d.lane
  ),
  scheduled as (
    select w.lane, count(*) as jobs
    from (
      select w.lane from jobs.waiting as w where w.run_at < 'infinity' limit stats.most
    ) as w
    group by w.lane
  ),
  ended as (
    select l.namespace, t.kind, t.outcome, sum(t.jobs) as jobs, sum(t.seconds) as seconds
    from (
      select t.lane, t.kind, t.outcome, t.jobs, t.seconds from jobs.totals as t
      union all
      select t.lane, t.kind, t.outcome, t.jobs, t.seconds from jobs.tallies as t
    ) as t
    join jobs.lanes as l on l.id = t.lane
    group by l.namespace, t.kind, t.outcome
  )
  select jsonb_build_object(
    'lanes', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'namespace', l.namespace,
            'queue', l.queue,
            'priority', l.priority,
            'ready', r.jobs,
            'ready_is_more', r.jobs >= stats.most,
            'oldest_seconds', coalesce(r.seconds, 0),
            'running', coalesce(a.jobs, 0),
            'scheduled', coalesce(s.jobs, 0),
            'dead', coalesce(d.jobs, 0),
            'paused', q.paused_at is not null
          )
          order by l.id
        ),
        '[]'
      )
      from jobs.lanes as l
      left join jobs.queues as q on q.namespace = l.namespace and q.queue = l.queue
      left join running as a on a.lane = l.id
      left join dead as d on d.lane = l.id
      left join scheduled as s on s.lane = l.id
      left join lateral (
        select k.past, k.xid, k.id
        from jobs.cursors as k
        where k.lane = l.id
        order by k.seq desc
        limit 1
      ) as k on true
      cross join lateral (
        select
          count(*) as jobs,
          extract(epoch from clock_timestamp() - min(n.enqueued_at)) as seconds
        from (
          -- As jobs.lock_lanes has it: but for those of transactions that were long open.
          select n.enqueued_at
          from jobs.ready as n
          where n.lane = l.id
          and (n.xid, n.id) > (coalesce(k.xid, k.past, '0'), coalesce(k.id, -1))
          order by n.xid, n.id
          limit stats.most
        ) as n
      ) as r
    ),
    'ended', (
      select coalesce(jsonb_agg(to_jsonb(e) order by e.namespace, e.kind, e.outcome), '[]')
      from ended as e
    ),
    'workers', (
      select jsonb_build_object(
        'live', count(*),
        'draining', count(w.draining_at),
        'at_work', count(*) filter (
          where exists (select from jobs.batches as b where b.worker = w.id)
        )
      )
      from jobs.workers as w
      where w.live_until >= clock_timestamp()
    )
  );
$$;

comment on function jobs.stats(integer) is
  'How the queue is: for each lane how many jobs are ready (counted up to so many: ready_is_more
tells that it may be more), how long the oldest waits, how many run, are scheduled, and dead (these
two up to so many in all); how many jobs have ended in which way, and in how many seconds; how many
workers live, are draining, and have jobs.';

revoke all on function jobs.stats(integer) from public;
grant execute on function jobs.stats(integer) to service_role;
