create or replace function jobs.interrupt(worker uuid)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(7708, hashtext(interrupt.worker::text));

  delete from jobs.workers as w
  where w.id = interrupt.worker;
  return jobs.take_back(interrupt.worker, 'interrupted', 'its worker was stopped');
end;
$$;

comment on function jobs.interrupt(uuid) is
  'Ends a worker: what it has not finished is for others, at once, and that attempt does not count.
Returns how many jobs that were.';

revoke all on function jobs.interrupt(uuid) from public;
grant execute on function jobs.interrupt(uuid) to service_role;
