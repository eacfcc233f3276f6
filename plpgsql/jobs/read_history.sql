create or replace function jobs.read_history(
  since timestamptz default now() - interval '1 hour',
  step interval default '10 seconds',
  queue text default null,
  namespace text default null
)
  returns table (
    at timestamptz,
    ready bigint,
    running bigint,
    scheduled bigint,
    blocked bigint,
    dead bigint,
    oldest_seconds double precision,
    enqueued double precision,
    completed double precision,
    failed double precision,
    died double precision,
    p50 double precision,
    p95 double precision,
    p99 double precision
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_seconds constant double precision := extract(epoch from step);
begin
  if since is null or step is null or v_seconds < 10 or v_seconds > 86400
  or extract(epoch from clock_timestamp() - since) / v_seconds > 2000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a step of the history is from 10 seconds to a day, and 2000 are given at most';
  end if;
  if (queue is null) <> (namespace is null) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a queue is named together with its namespace';
  end if;

  return query
  with told as (
    select date_bin(step, h.at, '2000-01-01') as slot, h.*
    from jobs.history as h
    where h.namespace = coalesce(read_history.namespace, '')
    and h.queue = coalesce(read_history.queue, '')
    -- One before, for what was enqueued since.
    and h.at >= date_bin(step, since, '2000-01-01') - step
    and h.at < date_bin(step, clock_timestamp(), '2000-01-01')
  ),
  bucket as (
    select t.slot, u.bucket, sum(u.jobs)::bigint as jobs
    from told as t
    cross join lateral unnest(t.durations) with ordinality as u (jobs, bucket)
    group by t.slot, u.bucket
  ),
  taken as (
    select b.slot, array_agg(b.jobs order by b.bucket) as durations
    from bucket as b
    group by b.slot
  ),
  point as (
    select
      t.slot, max(t.ready) as ready, max(t.running) as running, max(t.scheduled) as scheduled,
      max(t.blocked) as blocked, max(t.dead) as dead, max(t.oldest_seconds) as oldest_seconds,
      max(t.last_id) as last_id, sum(t.completed) as completed, sum(t.failed) as failed,
      sum(t.died) as died
    from told as t
    group by t.slot
  )
  select
    p.slot, p.ready, p.running, p.scheduled, p.blocked, p.dead, p.oldest_seconds,
    -- Since the last time that somebody looked; ids begin anew where a dump was restored.
    case
      when p.last_id >= lag(p.last_id) over w then (p.last_id - lag(p.last_id) over w)
        / extract(epoch from p.slot - lag(p.slot) over w)::double precision
    end,
    p.completed / v_seconds, p.failed / v_seconds, p.died / v_seconds,
    jobs.percentile(k.durations, 0.5), jobs.percentile(k.durations, 0.95),
    jobs.percentile(k.durations, 0.99)
  from point as p
  left join taken as k on k.slot = p.slot
  window w as (order by p.slot)
  order by p.slot;
end;
$$;

comment on function jobs.read_history(timestamptz, interval, text, text) is
  'How all queues, or one, were since a time of the last day, in steps that are over: jobs by their
state (the highest numbers), how long the oldest ready one had waited; how many a second were
enqueued (of all queues alone), completed, failed (attempts) and died; and how long the completed
took, from claim to end: percentiles in seconds. Raises 22023 for more than 2000 steps, or one below
10 seconds.';

revoke all on function jobs.read_history(timestamptz, interval, text, text) from public;
grant execute on function jobs.read_history(timestamptz, interval, text, text) to service_role;
