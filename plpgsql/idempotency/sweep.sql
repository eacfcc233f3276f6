create or replace function idempotency.sweep(most integer default 1000)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  -- What another process deletes, or a request takes over, is left to it.
  delete from idempotency.keys as k
  where (k.scope, k.key) in (
    select e.scope, e.key
    from idempotency.keys as e
    where e.expires_at <= clock_timestamp()
    order by e.expires_at
    limit sweep.most
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function idempotency.sweep(integer) is
  'Deletes keys that have expired, at most so many, and returns how many it was. Every process calls
it now and then; an expired key is free whether it is deleted or not.';

revoke all on function idempotency.sweep(integer) from public;
grant execute on function idempotency.sweep(integer)
  to authenticator, fluxbase_service, service_role;
