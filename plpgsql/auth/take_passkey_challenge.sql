create or replace function auth.take_passkey_challenge(
  challenge_id uuid,
  user_id uuid default null,
  credential_id bytea default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_challenge auth.webauthn_challenges;
  v_owner uuid := take_passkey_challenge.user_id;
begin
  if not auth.setting('passkeys_enabled')::boolean then
    return '{"error": "passkey_disabled"}'::jsonb;
  end if;

  delete from auth.webauthn_challenges as c
  where c.id = take_passkey_challenge.challenge_id
  and c.user_id is not distinct from take_passkey_challenge.user_id
  and c.challenge_type = case
    when take_passkey_challenge.user_id is null then 'authentication'
    else 'registration'
  end
  returning c.* into v_challenge;

  if not found then
    return '{"error": "webauthn_challenge_not_found"}'::jsonb;
  end if;
  if v_challenge.expires_at <= clock_timestamp() then
    return '{"error": "webauthn_challenge_expired"}'::jsonb;
  end if;

  if v_owner is null then
    select w.user_id into v_owner
    from auth.webauthn_credentials as w
    where w.credential_id = take_passkey_challenge.credential_id;
    if not found then
      return '{"error": "webauthn_credential_not_found"}'::jsonb;
    end if;
  end if;

  return jsonb_build_object(
    'session_data', v_challenge.session_data,
    'user_id', v_owner,
    'credentials', auth.passkey_records(v_owner),
    'relying_party', auth.relying_party()
  );
end;
$$;

comment on function auth.take_passkey_challenge(uuid, uuid, bytea) is
  'Uses up a challenge: that of a user to register a passkey, or, for no user, that to sign in by
the passkey that an authenticator knows as credential_id. Returns {"session_data", "user_id",
"credentials", "relying_party"} or {"error"}: webauthn_challenge_not_found, also for one that was
used, webauthn_challenge_expired, webauthn_credential_not_found, passkey_disabled.';

revoke all on function auth.take_passkey_challenge(uuid, uuid, bytea) from public;
grant execute on function auth.take_passkey_challenge(uuid, uuid, bytea) to service_role;
