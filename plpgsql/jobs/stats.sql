create or replace function jobs.stats(most integer default 1000)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
  with ended as (
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
            'ready', d.ready,
            'ready_is_estimate', d.is_estimate,
            'oldest_seconds', coalesce(extract(epoch from clock_timestamp() - d.oldest_at), 0),
            'running', d.running,
            'scheduled', d.scheduled,
            'blocked', d.blocked,
            'dead', d.dead,
            'paused', q.paused_at is not null
          )
          order by l.id
        ),
        '[]'
      )
      from jobs.lane_depths(stats.most) as d
      join jobs.lanes as l on l.id = d.lane
      left join jobs.queues as q on q.namespace = l.namespace and q.queue = l.queue
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
  'How the queue is: the jobs of each lane by state, as jobs.lane_depths counts, and how long the
oldest that may run waits; how many jobs have ended in which way, and in how many seconds; how many
workers live, are draining, and have jobs.';

revoke all on function jobs.stats(integer) from public;
grant execute on function jobs.stats(integer) to service_role;
