create or replace function idempotency.lock(scope text, key text, wait interval)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lock constant bigint := idempotency.lock_of(lock.scope, lock.key);
  v_timeout text;
begin
  if pg_try_advisory_xact_lock(v_lock) then
    return;
  end if;
  v_timeout := current_setting('lock_timeout');
  perform set_config(
    'lock_timeout', greatest(ceil(extract(epoch from lock.wait) * 1000), 1)::bigint::text, true
  );
  perform pg_advisory_xact_lock(v_lock);
  perform set_config('lock_timeout', v_timeout, true);
end;
$$;

comment on function idempotency.lock(text, text, interval) is
  'Lets one transaction at a time work with a key of a caller (scope). Waits for the one that does,
no longer than wait: then it raises 55P03.';

revoke all on function idempotency.lock(text, text, interval) from public;
