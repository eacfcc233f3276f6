create or replace function jobs.record(tallies jobs.tallies[])
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bounds constant double precision[] := jobs.duration_bounds();
  v_none constant bigint[] := array_fill(0::bigint, array[cardinality(v_bounds) + 1]);
begin
  -- All jobs of a tally were claimed together and have ended together.
  perform jobs.add_history(array_agg(row(
    p.namespace, p.queue, p.at, null, null, null, null, null, null, null, p.completed, p.failed,
    p.died, case
      when p.bucket is null then '{}'
      else v_none[:p.bucket] || p.completed || v_none[p.bucket + 2:]
    end
  )::jobs.history))
  from (
    select
      coalesce(e.namespace, '') as namespace, coalesce(e.queue, '') as queue, e.at, e.bucket,
      coalesce(sum(e.jobs) filter (where e.outcome = 'completed'), 0)::bigint as completed,
      coalesce(sum(e.jobs) filter (where e.outcome not in ('completed', 'dead')), 0)::bigint
        as failed,
      coalesce(sum(e.jobs) filter (where e.outcome = 'dead'), 0)::bigint as died,
      dense_rank() over (
        partition by grouping(e.queue)
        order by max(e.busy) desc, max(e.namespace), max(e.queue)
      ) as place,
      grouping(e.queue) as is_all
    from (
      select
        l.namespace, l.queue, t.outcome, t.jobs,
        date_bin('10 seconds', t.at, '2000-01-01') as at,
        case
          when t.outcome = 'completed' then width_bucket(t.seconds / t.jobs, v_bounds)
        end as bucket,
        sum(t.jobs) over (partition by l.namespace, l.queue) as busy
      from unnest(tallies) as t
      join jobs.lanes as l on l.id = t.lane
    ) as e
    group by grouping sets ((e.namespace, e.queue, e.at, e.bucket), (e.at, e.bucket))
  ) as p
  where p.is_all = 1
  or p.place <= 50;
end;
$$;

comment on function jobs.record(jobs.tallies[]) is
  'Adds to jobs.history how many jobs have ended, and how long they took.';

revoke all on function jobs.record(jobs.tallies[]) from public;
