create or replace function idempotency.claim(
  scope text,
  key text,
  wait interval default '5 seconds'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_expires_at timestamptz;
begin
  -- Most often nobody has it, and the call of idempotency.lock is saved.
  if not pg_try_advisory_xact_lock(idempotency.lock_of(claim.scope, claim.key)) then
    perform idempotency.lock(claim.scope, claim.key, claim.wait);
  end if;

  -- A statement of its own, so that it sees what the transaction before us has committed.
  select k.expires_at into v_expires_at
  from idempotency.keys as k
  where k.scope = claim.scope
  and k.key = claim.key;

  if v_expires_at > clock_timestamp() then
    raise exception using
      errcode = 'FXI01',
      message = 'a request with this idempotency key was there before',
      hint = 'idempotency.replay tells what it was answered.';
  elsif found then
    delete from idempotency.keys as k
    where k.scope = claim.scope
    and k.key = claim.key;
  end if;
end;
$$;

comment on function idempotency.claim(text, text, interval) is
  'Takes a key of a caller (scope) for the request that this transaction carries out: call it before
all else, and idempotency.store at the end. While another transaction has the key, this waits, no
longer than wait: then it raises 55P03. Raises FXI01 when the key was used before: roll back, and
ask idempotency.replay.';

revoke all on function idempotency.claim(text, text, interval) from public;
grant execute on function idempotency.claim(text, text, interval)
  to authenticator, fluxbase_service;
