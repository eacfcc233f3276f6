create or replace function jobs.sample()
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_at constant timestamptz := date_bin('10 seconds', v_now, '2000-01-01');
  v_before constant timestamptz := (
    select h.at
    from jobs.history as h
    where h.namespace = ''
    and h.queue = ''
    and h.at < v_at
    order by h.at desc
    limit 1
  );
  v_rows jobs.history[];
begin
  if exists (
    select from jobs.history as h
    where h.namespace = ''
    and h.queue = ''
    and h.at = v_at
    and h.ready is not null
  ) then
    return false;
  end if;

  with depth as materialized (
    select * from jobs.queue_depths()
  )
  select array_agg(row(
    q.namespace, q.queue, v_at, q.ready, q.running, q.scheduled, q.blocked, q.dead,
    greatest(0, extract(epoch from v_now - q.oldest_at)), q.last_id, 0, 0, 0, '{}'
  )::jobs.history)
  into v_rows
  from (
    select
      '' as namespace, '' as queue, coalesce(sum(d.ready), 0) as ready,
      coalesce(sum(d.running), 0) as running, coalesce(sum(d.scheduled), 0) as scheduled,
      coalesce(sum(d.blocked), 0) as blocked, coalesce(sum(d.dead), 0) as dead,
      min(d.oldest_at) as oldest_at,
      coalesce(pg_sequence_last_value('jobs.ids'), 0) as last_id
    from depth as d
    union all
    (
      select
        d.namespace, d.queue, d.ready, d.running, d.scheduled, d.blocked, d.dead, d.oldest_at, null
      from depth as d
      where d.ready + d.running + d.scheduled + d.blocked + d.dead > 0
      order by d.ready + d.running desc, d.namespace, d.queue
      limit 50
    )
  ) as q;
  perform jobs.add_history(v_rows);

  -- Every ten minutes, because what is deleted is in the way while an old snapshot is held.
  if date_bin('10 minutes', v_before, '2000-01-01') = date_bin('10 minutes', v_at, '2000-01-01')
  then
    return true;
  end if;
  with old as (
    delete from jobs.history as h
    where h.at < v_at - interval '1 hour'
    and h.at <> date_trunc('minute', h.at)
    returning h.*
  )
  select array_agg(row(
    o.namespace, o.queue, date_trunc('minute', o.at), o.ready, o.running, o.scheduled, o.blocked,
    o.dead, o.oldest_seconds, o.last_id, o.completed, o.failed, o.died, o.durations
  )::jobs.history)
  into v_rows
  from old as o;
  perform jobs.add_history(v_rows);

  delete from jobs.history as h
  where h.at < v_at - interval '1 day';
  return true;
end;
$$;

comment on function jobs.sample() is
  'Notes in jobs.history how the queues are, once in ten seconds, and returns whether it did; every
ten minutes what is older than an hour is summed up by minutes, and what is older than a day is
deleted. jobs.maintain calls it.';

revoke all on function jobs.sample() from public;
