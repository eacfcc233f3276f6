-- It commits, and so can have neither security definer nor settings of its own.
create or replace procedure auth.revoke_service_key(
  id text,
  reason text,
  inout unconfirmed text[] default null
)
  language plpgsql
as $$
begin
  perform auth.end_service_key(revoke_service_key.id, revoke_service_key.reason);
  call fluxbase.settle(unconfirmed);
end;
$$;

comment on procedure auth.revoke_service_key(text, text, text[]) is
  'Revokes a key, commits, and waits until every live process refuses it, at most 5 seconds. Returns
the names of those that have not said so: null when all have. One that is named here trusts nothing
it remembers once its lease has ended, which is so by then. Raises P0002 for an id that no key has,
23514 without a reason, and 2D000 within a transaction: use auth.end_service_key there.';

revoke all on procedure auth.revoke_service_key(text, text, text[]) from public;
grant execute on procedure auth.revoke_service_key(text, text, text[]) to service_role;
