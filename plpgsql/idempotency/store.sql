create or replace function idempotency.store(
  scope text,
  key text,
  fingerprint bytea,
  status integer,
  headers jsonb default null,
  body bytea default null,
  ttl interval default '24 hours',
  wait interval default '5 seconds'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not idempotency.is_kept(store.status, store.headers) then
    return;
  end if;

  -- Who has claimed the key has the lock.
  if not pg_try_advisory_xact_lock(idempotency.lock_of(store.scope, store.key)) then
    perform idempotency.lock(store.scope, store.key, store.wait);
  end if;

  -- Without "on conflict", which would look for the key first and cost half as much again.
  insert into idempotency.keys (scope, key, fingerprint, expires_at, status, headers, body)
  values (
    store.scope, store.key, store.fingerprint, clock_timestamp() + store.ttl, store.status,
    store.headers, store.body
  );
end;
$$;

comment on function idempotency.store(
  text, text, bytea, integer, jsonb, bytea, interval, interval
) is
  'Keeps the answer to the request that this transaction carries out under a key of a caller
(scope), for ttl: status, headers ({"NAME": ["VALUE", ...]}) and body; fingerprint is the SHA-256
of the request. Call idempotency.claim before all else, and this at the end; or this alone before
all else, where the answer is known beforehand: then it waits for the key as idempotency.claim does.
An answer that must not be repeated is not kept, and the key stays free: 401, 403, 409, 429, 5xx,
and those whose Cache-Control says no-store. Raises 23505 where the key was used before: roll back,
and ask idempotency.replay. If that has no row, the key has expired: idempotency.claim takes it.';

revoke all on function idempotency.store(
  text, text, bytea, integer, jsonb, bytea, interval, interval
) from public;
grant execute on function idempotency.store(
  text, text, bytea, integer, jsonb, bytea, interval, interval
) to authenticator, fluxbase_service;
