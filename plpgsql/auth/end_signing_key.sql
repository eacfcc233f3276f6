create or replace function auth.end_signing_key(kid text, reason text)
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key auth.signing_keys;
begin
  lock table auth.signing_keys in share row exclusive mode;

  select k.* into v_key
  from auth.signing_keys as k
  where k.kid = end_signing_key.kid;

  if not found then
    raise exception using
      errcode = 'no_data_found',
      message = 'there is no such key',
      hint = 'auth.list_signing_keys() has all.';
  end if;
  if v_key.state = 'revoked' then
    return v_key.revoked_at;
  end if;
  if v_key.state = 'current' then
    if not exists (select from auth.signing_keys as k where k.state = 'next') then
      raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = 'the key is the current one, and there is no next one',
        hint = 'fluxbase signing-keys revoke makes one; so does fluxbase signing-keys add.';
    end if;
    perform auth.promote_signing_key(at_once => true);
  end if;

  -- Nobody can sign with it any more, whoever gets the encryption key.
  update auth.signing_keys as k
  set state = 'revoked',
      private_sealed = null,
      revoked_at = now(),
      revoked_reason = coalesce(end_signing_key.reason, '')
  where k.kid = v_key.kid;

  perform audit.record(
    'signing_key.revoked', v_key.kid, jsonb_build_object('reason', end_signing_key.reason)
  );
  return now();
end;
$$;

comment on function auth.end_signing_key(text, text) is
  'Revokes a key within the transaction of the caller: all tokens that it signed are refused from
the commit on, by a process that follows the stream of changes a moment later, so their users have
to refresh them. The next key takes the place of a current one. Nothing is waited for: outside of a
transaction use call auth.revoke_signing_key. Returns since when the key is revoked; a second call
changes nothing. Raises P0002 for an id that no key has, 55000 for the current key where there is no
next one, 23514 without a reason.';

revoke all on function auth.end_signing_key(text, text) from public;
grant execute on function auth.end_signing_key(text, text) to service_role;
