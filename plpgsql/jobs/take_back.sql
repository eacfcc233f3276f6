create or replace function jobs.take_back(worker uuid, outcome text, error text)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_failures jobs.failure[];
begin
  with taken as (
    delete from jobs.batches as b
    where b.worker = take_back.worker
    returning b.jobs - b.done as ids
  )
  select
    array_agg(row(i.id, take_back.outcome, take_back.error, null, null, false, null)::jobs.failure)
  into v_failures
  from taken as t
  cross join lateral unnest(t.ids) as r (ids)
  cross join lateral generate_series(lower(r.ids), upper(r.ids) - 1) as i (id);

  if v_failures is null then
    return 0;
  end if;
  perform jobs.put_back(take_back.worker, v_failures);
  return cardinality(v_failures);
end;
$$;

comment on function jobs.take_back(uuid, text, text) is
  'Takes all that a worker has not finished away from it, and returns how many jobs that is. The
caller holds the lock of the worker: pg_advisory_xact_lock(7708, hashtext(worker)).';

revoke all on function jobs.take_back(uuid, text, text) from public;
