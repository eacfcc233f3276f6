create or replace function jobs.retry(id bigint)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_job jobs.waiting;
begin
  delete from jobs.dead as d
  where d.id = retry.id
  returning d.id, clock_timestamp(), d.enqueued_at, d.owner, d.lane, 0::smallint, d.max_attempts,
    exists (select from jobs.steps as s where s.job = d.id), d.kind, d.args, d.meta
  into v_job;

  if not found then
    delete from jobs.waiting as w
    where w.id = retry.id
    and w.run_at < 'infinity'
    returning w.* into v_job;
  end if;
  if not found then
    return false;
  end if;
  perform jobs.add_ready(array[v_job]);
  return true;
end;
$$;

comment on function jobs.retry(bigint) is
  'Lets a job run now that is dead, its attempts counted anew, or that waits for its time. Returns
whether there was one.';

revoke all on function jobs.retry(bigint) from public;
grant execute on function jobs.retry(bigint) to service_role;
