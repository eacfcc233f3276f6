create or replace function jobs.run_schedule(name text)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule jobs.schedules;
  v_job_id bigint;
begin
  select s.* into v_schedule
  from jobs.schedules as s
  where s.name = run_schedule.name
  for update;

  if not found then
    raise exception using
      errcode = 'no_data_found',
      message = format('there is no schedule %L', run_schedule.name);
  end if;

  v_job_id := jobs.enqueue_scheduled(v_schedule, now(), null);
  update jobs.schedules as s
  set last_run_at = now(),
      last_job_id = v_job_id
  where s.name = v_schedule.name;
  return v_job_id;
end;
$$;

comment on function jobs.run_schedule(text) is
  'Enqueues the job of a schedule now, paused or not; when it is due does not change by that.
Returns the job. Raises P0002 where there is no such schedule, and what jobs.enqueue does.';

revoke all on function jobs.run_schedule(text) from public;
grant execute on function jobs.run_schedule(text) to service_role;
