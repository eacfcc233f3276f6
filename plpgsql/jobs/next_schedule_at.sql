create or replace function jobs.next_schedule_at()
  returns timestamptz
  language sql
  stable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select min(s.next_run_at)
  from jobs.schedules as s
  where s.is_enabled;
$$;

comment on function jobs.next_schedule_at() is
  'When jobs.run_schedules has something to do next; in the past where it has now, null where
nothing is scheduled.';

revoke all on function jobs.next_schedule_at() from public;
grant execute on function jobs.next_schedule_at() to service_role;
