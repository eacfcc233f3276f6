create or replace function jobs.duration_bounds()
  returns double precision[]
  language sql
  immutable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select '{
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
    2000, 5000
  }'::double precision[];
$$;

comment on function jobs.duration_bounds() is
  'The upper bounds, in seconds, of the buckets in jobs.history.durations.';

revoke all on function jobs.duration_bounds() from public;
