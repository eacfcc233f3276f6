create or replace function jobs.queue_depths(most integer default 1000)
  returns table (
    namespace text,
    queue text,
    ready bigint,
    ready_is_estimate boolean,
    oldest_at timestamptz,
    running bigint,
    scheduled bigint,
    blocked bigint,
    dead bigint
  )
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
  scheduled as (
    select w.lane, count(*) as jobs
    from (
      select w.lane
      from jobs.waiting as w
      where w.run_at < 'infinity'
      order by w.run_at
      limit 10 * queue_depths.most
    ) as w
    group by w.lane
  ),
  blocked as (
    select b.lane, count(*) as jobs
    from (
      select b.lane from jobs.blocked as b order by b.id limit 10 * queue_depths.most
    ) as b
    group by b.lane
  )
  select
    l.namespace,
    l.queue,
    sum(r.ready)::bigint,
    bool_or(r.is_estimate),
    min(r.oldest_at),
    coalesce(sum(a.jobs), 0)::bigint,
    coalesce(sum(s.jobs), 0)::bigint,
    coalesce(sum(b.jobs), 0)::bigint,
    sum(d.jobs)::bigint
  from jobs.lane_depths(queue_depths.most) as r
  join jobs.lanes as l on l.id = r.lane
  left join running as a on a.lane = l.id
  left join scheduled as s on s.lane = l.id
  left join blocked as b on b.lane = l.id
  cross join lateral (
    select count(*) as jobs
    from (
      select from jobs.dead as d where d.lane = l.id order by d.died_at limit queue_depths.most
    ) as d
  ) as d
  group by l.namespace, l.queue;
$$;

comment on function jobs.queue_depths(integer) is
  'How many jobs of each queue are in which state, in a time that does not grow with them: ready
ones as jobs.lane_depths has them, dead ones counted up to so many of each priority, scheduled and
blocked ones up to ten times so many of all queues together.';

revoke all on function jobs.queue_depths(integer) from public;
grant execute on function jobs.queue_depths(integer) to service_role;
