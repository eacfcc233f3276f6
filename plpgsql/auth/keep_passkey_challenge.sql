create or replace function auth.keep_passkey_challenge(user_id uuid, session_data jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_challenge auth.webauthn_challenges;
begin
  if not auth.setting('passkeys_enabled')::boolean then
    return '{"error": "passkey_disabled"}'::jsonb;
  end if;
  insert into auth.webauthn_challenges as c (user_id, challenge_type, session_data, expires_at)
  values (
    keep_passkey_challenge.user_id,
    case
      when keep_passkey_challenge.user_id is null then 'authentication'
      else 'registration'
    end,
    auth.require_value(keep_passkey_challenge.session_data, 'session_data'),
    clock_timestamp() + make_interval(secs => auth.setting('mfa_challenge_lifetime')::integer)
  )
  returning c.* into v_challenge;
  return jsonb_build_object(
    'challenge_id', v_challenge.id,
    'expires_at', floor(extract(epoch from v_challenge.expires_at))::bigint
  );
end;
$$;

comment on function auth.keep_passkey_challenge(uuid, jsonb) is
  'Keeps what the answer of an authenticator must fit: to register a passkey of a user, or, for no
user, to sign in. Returns {"challenge_id", "expires_at" in Unix seconds} or {"error":
"passkey_disabled"}. Raises 23503 without such a user.';

revoke all on function auth.keep_passkey_challenge(uuid, jsonb) from public;
grant execute on function auth.keep_passkey_challenge(uuid, jsonb) to service_role;
