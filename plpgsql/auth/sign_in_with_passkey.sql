create or replace function auth.sign_in_with_passkey(
  user_id uuid,
  credential_id bytea,
  sign_count bigint,
  backed_up boolean default false,
  user_agent text default null,
  ip inet default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_passkey auth.webauthn_credentials;
  v_session uuid;
begin
  -- First the user, as all do: two sign-ins by one passkey come one after the other.
  perform
  from auth.users as u
  where u.id = sign_in_with_passkey.user_id
  for no key update;

  select w.* into v_passkey
  from auth.webauthn_credentials as w
  where w.credential_id = sign_in_with_passkey.credential_id
  and w.user_id = sign_in_with_passkey.user_id;

  if not found then
    return '{"error": "webauthn_credential_not_found"}'::jsonb;
  end if;
  if v_passkey.sign_count > 0 and sign_in_with_passkey.sign_count <= v_passkey.sign_count then
    perform audit.record(
      'passkey.cloned', v_passkey.user_id::text,
      jsonb_build_object('passkey', v_passkey.id, 'shown', sign_in_with_passkey.sign_count,
        'known', v_passkey.sign_count)
    );
    return '{"error": "webauthn_verification_failed"}'::jsonb;
  end if;

  update auth.webauthn_credentials as w
  set sign_count = auth.require_value(sign_in_with_passkey.sign_count, 'sign_count'),
      backed_up = auth.require_value(sign_in_with_passkey.backed_up, 'backed_up'),
      last_used_at = clock_timestamp(),
      updated_at = clock_timestamp()
  where w.id = v_passkey.id;

  v_session := auth.open_session(
    v_passkey.user_id, 'passkey', sign_in_with_passkey.user_agent, sign_in_with_passkey.ip,
    case
      when auth.setting('passkeys_are_aal2')::boolean then 'aal2'
      else 'aal1'
    end::auth.aal_level
  );
  -- It ends with the passkey.
  update auth.sessions as s
  set factor_id = v_passkey.id
  where s.id = v_session;
  return coalesce(auth.grant_of(v_session), '{"error": "user_banned"}'::jsonb);
end;
$$;

comment on function auth.sign_in_with_passkey(uuid, bytea, bigint, boolean, text, inet) is
  'Signs a user in by a passkey whose signature was checked, and whose device has checked its user.
Returns auth.grant_of or {"error"}: webauthn_credential_not_found, user_banned,
webauthn_verification_failed for an authenticator that seems to be copied, as its counter has not
grown (WebAuthn level 3, section 6.1.1).';

revoke all on function auth.sign_in_with_passkey(uuid, bytea, bigint, boolean, text, inet)
  from public;
grant execute on function auth.sign_in_with_passkey(uuid, bytea, bigint, boolean, text, inet)
  to service_role;
