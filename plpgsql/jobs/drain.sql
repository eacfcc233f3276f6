create or replace function jobs.drain(worker uuid)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update jobs.workers as w
  set draining_at = coalesce(w.draining_at, clock_timestamp())
  where w.id = drain.worker;
  return found;
end;
$$;

comment on function jobs.drain(uuid) is
  'Lets a worker finish what it has, and claim no more. Returns whether there is such a worker.';

revoke all on function jobs.drain(uuid) from public;
grant execute on function jobs.drain(uuid) to service_role;
