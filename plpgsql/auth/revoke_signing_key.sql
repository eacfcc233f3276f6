-- It commits, and so can have neither security definer nor settings of its own.
create or replace procedure auth.revoke_signing_key(
  kid text,
  reason text,
  inout unconfirmed text[] default null
)
  language plpgsql
as $$
begin
  perform auth.end_signing_key(revoke_signing_key.kid, revoke_signing_key.reason);
  call fluxbase.settle(unconfirmed);
end;
$$;

comment on procedure auth.revoke_signing_key(text, text, text[]) is
  'Revokes a key as auth.end_signing_key does, commits, and waits until every live process refuses
its tokens, at most 5 seconds. Returns the names of those that have not said so: null when all have.
Raises 2D000 within a transaction: use auth.end_signing_key there.';

revoke all on procedure auth.revoke_signing_key(text, text, text[]) from public;
grant execute on procedure auth.revoke_signing_key(text, text, text[]) to service_role;
