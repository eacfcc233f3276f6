create or replace function auth.rename_passkey(user_id uuid, id uuid, friendly_name text)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update auth.webauthn_credentials as w
  set friendly_name = coalesce(rename_passkey.friendly_name, ''),
      updated_at = clock_timestamp()
  where w.id = rename_passkey.id
  and w.user_id = rename_passkey.user_id;

  if not found then
    return '{"error": "webauthn_credential_not_found"}'::jsonb;
  end if;
  return auth.passkey_json(rename_passkey.id);
end;
$$;

comment on function auth.rename_passkey(uuid, uuid, text) is
  'Changes how a user calls a passkey. Returns auth.passkey_json or {"error":
"webauthn_credential_not_found"}. Raises 23514 for a name of over 120 characters.';

revoke all on function auth.rename_passkey(uuid, uuid, text) from public;
grant execute on function auth.rename_passkey(uuid, uuid, text) to service_role;
