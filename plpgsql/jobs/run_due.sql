create or replace function jobs.run_due(name text, now timestamptz, most integer)
  returns table (due_at timestamptz, job_id bigint)
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule jobs.schedules;
  v_next timestamptz;
begin
  select s.* into strict v_schedule
  from jobs.schedules as s
  where s.name = run_due.name;

  v_next := v_schedule.next_run_at;
  if v_schedule.missed = 'skip' and v_next < run_due.now - interval '1 minute' then
    v_next := jobs.cron_next(
      v_schedule.cron, v_schedule.zone, run_due.now - interval '1 minute'
    );
  end if;

  for v_count in 1 .. run_due.most loop
    exit when v_next > run_due.now;
    due_at := v_next;
    job_id := jobs.enqueue_scheduled(
      v_schedule, due_at,
      format('schedule:%s@%s', v_schedule.name, extract(epoch from due_at)::bigint)
    );
    return next;
    v_next := jobs.cron_next(
      v_schedule.cron, v_schedule.zone,
      case when v_schedule.missed = 'all' then due_at else run_due.now end
    );
  end loop;

  update jobs.schedules as s
  set next_run_at = v_next,
      last_run_at = coalesce(due_at, s.last_run_at),
      last_job_id = coalesce(job_id, s.last_job_id),
      last_error = null
  where s.name = v_schedule.name;
end;
$$;

comment on function jobs.run_due(text, timestamptz, integer) is
  'Enqueues what is due of one schedule, whose row the caller has locked, at most so many jobs, and
sets when it is due next. Part of jobs.run_schedules.';

revoke all on function jobs.run_due(text, timestamptz, integer) from public;
