create or replace function jobs.held(worker uuid)
  returns table (id bigint, token bigint)
  language plpgsql
  volatile
  security definer
  rows 100
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- After the worker's other calls, which may be at work although nobody waits for them.
  perform pg_advisory_xact_lock(7708, hashtext(held.worker::text));

  return query
  select i.id, b.token
  from jobs.batches as b
  cross join lateral unnest(b.jobs - b.done) as r (ids)
  cross join lateral generate_series(lower(r.ids), upper(r.ids) - 1) as i (id)
  where b.worker = held.worker;
end;
$$;

comment on function jobs.held(uuid) is
  'The jobs that a worker has claimed and not finished, with their tokens. Who got no answer to a
claim asks this: what it does not know it finishes as interrupted.';

revoke all on function jobs.held(uuid) from public;
grant execute on function jobs.held(uuid) to service_role;
