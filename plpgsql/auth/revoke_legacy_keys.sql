-- It commits, and so can have neither security definer nor settings of its own.
create or replace procedure auth.revoke_legacy_keys(
  reason text,
  issued_before timestamptz default null,
  jti text default null,
  token text default null,
  inout unconfirmed text[] default null
)
  language plpgsql
as $$
begin
  perform auth.end_legacy_keys(
    revoke_legacy_keys.reason, revoke_legacy_keys.issued_before, revoke_legacy_keys.jti,
    revoke_legacy_keys.token
  );
  call fluxbase.settle(unconfirmed);
end;
$$;

comment on procedure auth.revoke_legacy_keys(text, timestamptz, text, text, text[]) is
  'Has JWTs of the role service_role refused although their signature is good: all that were issued
before a time (and those that do not say when), the one of an id (its claim jti), or one token.
Commits, and waits until every live process refuses them, at most 5 seconds. Returns the names of
those that have not said so: null when all have. Raises 23514 unless exactly one of the three is
given, and without a reason; 2D000 within a transaction: use auth.end_legacy_keys there.';

revoke all on procedure auth.revoke_legacy_keys(text, timestamptz, text, text, text[]) from public;
grant execute on procedure auth.revoke_legacy_keys(text, timestamptz, text, text, text[])
  to service_role;
