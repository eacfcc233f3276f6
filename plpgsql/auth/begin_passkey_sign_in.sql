create or replace function auth.begin_passkey_sign_in()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when auth.setting('passkeys_enabled')::boolean
      then jsonb_build_object('relying_party', auth.relying_party())
    else '{"error": "passkey_disabled"}'
  end;
$$;

comment on function auth.begin_passkey_sign_in() is
  'Tells a process to whom passkeys belong that it asks for: {"relying_party"}, or {"error":
"passkey_disabled"}.';

revoke all on function auth.begin_passkey_sign_in() from public;
grant execute on function auth.begin_passkey_sign_in() to service_role;
