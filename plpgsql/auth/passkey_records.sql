create or replace function auth.passkey_records(user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'id', translate(encode(w.credential_id, 'base64'), E'\n', ''),
        'publicKey', translate(encode(w.public_key, 'base64'), E'\n', ''),
        'attestationType', w.attestation_type,
        'transport', w.transports,
        'flags', jsonb_build_object(
          'userPresent', true,
          'userVerified', true,
          'backupEligible', w.backup_eligible,
          'backupState', w.backed_up
        ),
        'authenticator', jsonb_build_object('signCount', w.sign_count)
      )
      order by w.created_at, w.id
    ),
    '[]'
  )
  from auth.webauthn_credentials as w
  where w.user_id = passkey_records.user_id;
$$;

comment on function auth.passkey_records(uuid) is
  'The passkeys of a user as credential records of the library that checks them (go-webauthn).';

revoke all on function auth.passkey_records(uuid) from public;
