create or replace function jobs.resume_schedule(name text)
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_next_run_at timestamptz;
begin
  update jobs.schedules as s
  set is_enabled = true,
      next_run_at = case
        when s.is_enabled then s.next_run_at
        else jobs.cron_next(s.cron, s.zone, now())
      end,
      last_error = null,
      updated_at = now()
  where s.name = resume_schedule.name
  returning s.next_run_at into v_next_run_at;

  if not found then
    raise exception using
      errcode = 'no_data_found',
      message = format('there is no schedule %L', resume_schedule.name);
  end if;
  return v_next_run_at;
end;
$$;

comment on function jobs.resume_schedule(text) is
  'Ends the pause of a schedule. What would have come during the pause does not, whatever it says
of missed times. Returns when it is due next. Raises P0002 where there is none.';

revoke all on function jobs.resume_schedule(text) from public;
grant execute on function jobs.resume_schedule(text) to service_role;
