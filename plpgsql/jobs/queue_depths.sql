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
as $$
  select
    l.namespace,
    l.queue,
    sum(d.ready)::bigint,
    bool_or(d.is_estimate),
    min(d.oldest_at),
    sum(d.running)::bigint,
    sum(d.scheduled)::bigint,
    sum(d.blocked)::bigint,
    sum(d.dead)::bigint
  from jobs.lane_depths(queue_depths.most) as d
  join jobs.lanes as l on l.id = d.lane
  group by l.namespace, l.queue;
$$;

comment on function jobs.queue_depths(integer) is
  'How many jobs of each queue are in which state, as jobs.lane_depths has it of its lanes.';

revoke all on function jobs.queue_depths(integer) from public;
grant execute on function jobs.queue_depths(integer) to service_role;
