create or replace function auth.add_passkey(
  session_id uuid,
  credential_id bytea,
  public_key bytea,
  record jsonb,
  friendly_name text default ''
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_begun constant jsonb := auth.begin_passkey_registration(add_passkey.session_id);
  v_passkey auth.webauthn_credentials;
begin
  -- All that held when it began has to hold now.
  if v_begun ? 'error' then
    return v_begun;
  end if;

  insert into auth.webauthn_credentials as w (
    user_id, credential_id, public_key, attestation_type, aaguid, sign_count, transports,
    backup_eligible, backed_up, friendly_name
  )
  values (
    (v_begun ->> 'user_id')::uuid,
    auth.require_value(add_passkey.credential_id, 'credential_id'),
    auth.require_value(add_passkey.public_key, 'public_key'),
    coalesce(add_passkey.record ->> 'attestationType', ''),
    encode(
      decode(nullif(add_passkey.record #>> array['authenticator', 'AAGUID'], ''), 'base64'),
      'hex'
    )::uuid,
    coalesce((add_passkey.record #>> array['authenticator', 'signCount'])::bigint, 0),
    coalesce(add_passkey.record -> 'transport', '[]'),
    coalesce((add_passkey.record #>> array['flags', 'backupEligible'])::boolean, false),
    coalesce((add_passkey.record #>> array['flags', 'backupState'])::boolean, false),
    coalesce(add_passkey.friendly_name, '')
  )
  on conflict on constraint credential_is_of_one_user do nothing
  returning w.* into v_passkey;

  if not found then
    return '{"error": "webauthn_credential_exists"}'::jsonb;
  end if;
  perform audit.record(
    'passkey.registered', v_passkey.user_id::text, jsonb_build_object('passkey', v_passkey.id)
  );
  return auth.passkey_json(v_passkey.id);
end;
$$;

comment on function auth.add_passkey(uuid, bytea, bytea, jsonb, text) is
  'Adds a passkey, whose authenticator was checked, to the user of a session; record is its
credential record in the form of go-webauthn. Returns auth.passkey_json or {"error"}:
webauthn_credential_exists, and those of auth.begin_passkey_registration.';

revoke all on function auth.add_passkey(uuid, bytea, bytea, jsonb, text) from public;
grant execute on function auth.add_passkey(uuid, bytea, bytea, jsonb, text) to service_role;
