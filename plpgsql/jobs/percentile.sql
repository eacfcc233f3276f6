create or replace function jobs.percentile(durations bigint[], share double precision)
  returns double precision
  language sql
  immutable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    b.lower + (b.upper - b.lower) * (share * b.total - (b.below - b.jobs)) / b.jobs,
    b.lower
  )
  from (
    select
      n.jobs,
      sum(n.jobs) over (order by n.bucket) as below,
      sum(n.jobs) over () as total,
      coalesce((jobs.duration_bounds())[n.bucket - 1], 0) as lower,
      (jobs.duration_bounds())[n.bucket] as upper,
      n.bucket
    from unnest(durations) with ordinality as n (jobs, bucket)
  ) as b
  where b.jobs > 0
  and b.below >= share * b.total
  order by b.bucket
  limit 1;
$$;

comment on function jobs.percentile(bigint[], double precision) is
  'Below how many seconds a share of the jobs lay that are counted in buckets as those of
jobs.history.durations: linear within a bucket, the lower bound of the last; null for none.';

revoke all on function jobs.percentile(bigint[], double precision) from public;
