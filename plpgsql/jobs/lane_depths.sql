create or replace function jobs.lane_depths(most integer default 1000)
  returns table (
    lane integer,
    ready bigint,
    is_estimate boolean,
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
  with segment as (
    -- The one that takes new jobs is the last.
    select
      s.id,
      sum(s.blocks) over (order by (s.id - o.segment + 2) % 3) - s.blocks as before
    from jobs.rotation as o
    cross join lateral (
      select n.id,
        pg_relation_size(format('jobs.ready_%s', n.id)::regclass)
          / current_setting('block_size')::integer as blocks
      from generate_series(0, 2) as n (id)
    ) as s
  ),
  running as (
    select b.lane, sum(b.size - coalesce(e.ended, 0))::bigint as jobs
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
      limit 10 * lane_depths.most
    ) as w
    group by w.lane
  ),
  blocked as (
    select b.lane, count(*) as jobs
    from (
      select b.lane from jobs.blocked as b order by b.id limit 10 * lane_depths.most
    ) as b
    group by b.lane
  )
  select
    l.id,
    coalesce(e.jobs, r.jobs),
    e.jobs is not null,
    r.oldest_at,
    coalesce(a.jobs, 0),
    coalesce(s.jobs, 0),
    coalesce(b.jobs, 0),
    d.jobs
  from jobs.lanes as l
  left join running as a on a.lane = l.id
  left join scheduled as s on s.lane = l.id
  left join blocked as b on b.lane = l.id
  cross join lateral (
    select count(*) as jobs
    from (
      select from jobs.dead as d where d.lane = l.id order by d.died_at limit lane_depths.most
    ) as d
  ) as d
  left join lateral (
    select k.past, k.xid, k.id
    from jobs.cursors as k
    where k.lane = l.id
    order by k.seq desc
    limit 1
  ) as k on true
  -- As jobs.lock_lanes has it: but for those of transactions that were long open.
  cross join lateral (
    select coalesce(k.xid, k.past, '0') as xid, coalesce(k.id, -1) as id
  ) as c
  cross join lateral (
    select count(*) as jobs, min(n.enqueued_at) as oldest_at
    from (
      select n.enqueued_at
      from jobs.ready as n
      where n.lane = l.id
      and (n.xid, n.id) > (c.xid, c.id)
      order by n.xid, n.id
      limit lane_depths.most
    ) as n
  ) as r
  -- Rows lie in the order in which they came: from there to the last one there are as many in each
  -- page as among those that were counted.
  left join lateral (
    select greatest(lane_depths.most, coalesce(
      1 + (p.page[3] - p.page[1]) * (lane_depths.most - 1 - (p.line[2] - p.line[1]))
        / nullif(p.page[2] - p.page[1], 0) + p.line[3] - p.line[1],
      0
    )::bigint) as jobs
    from (
      select
        array_agg(s.before + (n.ctid::text::point)[0]::bigint order by n.number) as page,
        array_agg((n.ctid::text::point)[1]::bigint order by n.number) as line
      from (
        (
          select n.ctid, n.segment, 1 as number
          from jobs.ready as n
          where n.lane = l.id
          and (n.xid, n.id) > (c.xid, c.id)
          order by n.xid, n.id
          limit 1
        )
        union all
        (
          select n.ctid, n.segment, 2
          from jobs.ready as n
          where n.lane = l.id
          and (n.xid, n.id) > (c.xid, c.id)
          order by n.xid, n.id
          offset lane_depths.most - 1
          limit 1
        )
        union all
        (
          select n.ctid, n.segment, 3
          from jobs.ready as n
          where n.lane = l.id
          order by n.xid desc, n.id desc
          limit 1
        )
      ) as n
      join segment as s on s.id = n.segment
    ) as p
  ) as e on r.jobs >= lane_depths.most;
$$;

comment on function jobs.lane_depths(integer) is
  'How many jobs of each lane are in which state, in a time that does not grow with them, and since
when the first that may run is enqueued. Those that may run are counted up to so many; beyond that
it is estimated, from where the last one lies. Dead ones are counted up to so many of each lane,
scheduled and blocked ones up to ten times so many of all lanes together.';

revoke all on function jobs.lane_depths(integer) from public;
