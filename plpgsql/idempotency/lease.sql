create or replace function idempotency.lease(
  scope text,
  key text,
  fingerprint bytea,
  lease interval,
  ttl interval default '24 hours',
  wait interval default '5 seconds'
)
  returns table (state text, fence bigint, status integer, headers jsonb, body bytea)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fence bigint;
begin
  -- So that it is not taken from a transaction that carries out the same.
  perform idempotency.lock(lease.scope, lease.key, lease.wait);

  insert into idempotency.keys as k (scope, key, fingerprint, fence, leased_until, expires_at)
  values (
    lease.scope, lease.key, lease.fingerprint, nextval('idempotency.fences'),
    clock_timestamp() + lease.lease, clock_timestamp() + greatest(lease.lease, lease.ttl)
  )
  on conflict on constraint keys_pkey do update
  set fingerprint = excluded.fingerprint,
      created_at = excluded.created_at,
      expires_at = excluded.expires_at,
      status = null,
      headers = null,
      body = null,
      fence = excluded.fence,
      leased_until = excluded.leased_until
  where k.expires_at <= clock_timestamp()
  or k.leased_until <= clock_timestamp() and k.fingerprint = excluded.fingerprint
  returning k.fence into v_fence;

  if found then
    return query select 'yours', v_fence, null::integer, null::jsonb, null::bytea;
    return;
  end if;

  return query
  select r.state, null::bigint, r.status, r.headers, r.body
  from idempotency.replay(lease.scope, lease.key, lease.fingerprint) as r;

  if not found then -- its holder has given it back this moment
    return query select 'running', null::bigint, null::integer, null::jsonb, null::bytea;
  end if;
end;
$$;

comment on function idempotency.lease(text, text, bytea, interval, interval, interval) is
  'Takes a key of a caller (scope) for a request that can''t be carried out in one transaction.
state is yours: carry it out within lease, and show fence to idempotency.finish; or done, running or
mismatch, as idempotency.replay has them. When lease is over without an answer, the same request may
take the key; its fence is higher, and the one before can finish nothing any more. Commit at once:
others wait for it, no longer than wait, and then get 55P03.';

revoke all on function idempotency.lease(
  text, text, bytea, interval, interval, interval
) from public;
grant execute on function idempotency.lease(text, text, bytea, interval, interval, interval)
  to authenticator, fluxbase_service;
