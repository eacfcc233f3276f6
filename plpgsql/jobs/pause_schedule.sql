create or replace function jobs.pause_schedule(name text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update jobs.schedules as s
  set is_enabled = false,
      -- Without it, it is somebody's will, which jobs.schedule leaves as it is.
      last_error = null,
      updated_at = now()
  where s.name = pause_schedule.name;

  if not found then
    raise exception using
      errcode = 'no_data_found',
      message = format('there is no schedule %L', pause_schedule.name);
  end if;
end;
$$;

comment on function jobs.pause_schedule(text) is
  'Enqueues no more jobs of a schedule until jobs.resume_schedule. Raises P0002 where there is
none.';

revoke all on function jobs.pause_schedule(text) from public;
grant execute on function jobs.pause_schedule(text) to service_role;
