create or replace function jobs.unschedule(name text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from jobs.schedules as s
  where s.name = unschedule.name;
  return found;
end;
$$;

comment on function jobs.unschedule(text) is
  'Takes back what jobs.schedule has set under a name. Jobs that it has enqueued stay. Returns
whether there was anything.';

revoke all on function jobs.unschedule(text) from public;
grant execute on function jobs.unschedule(text) to service_role;
