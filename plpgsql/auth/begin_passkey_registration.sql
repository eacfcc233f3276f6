create or replace function auth.begin_passkey_registration(session_id uuid)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session auth.sessions;
  v_refusal jsonb;
begin
  if not auth.setting('passkeys_enabled')::boolean then
    return '{"error": "passkey_disabled"}'::jsonb;
  end if;
  v_session := auth.hold_session(begin_passkey_registration.session_id);
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;
  v_refusal := auth.require_aal(v_session.id);
  if v_refusal is not null then
    return v_refusal;
  end if;
  if (
    select count(*)
    from auth.webauthn_credentials as w
    where w.user_id = v_session.user_id
  ) >= auth.setting('passkeys_max')::integer then
    return '{"error": "too_many_passkeys"}'::jsonb;
  end if;

  return (
    select jsonb_build_object(
      'user_id', u.id,
      'account', coalesce(nullif(u.email, ''), u.phone, u.id::text),
      'credentials', auth.passkey_records(u.id),
      'relying_party', auth.relying_party()
    )
    from auth.users as u
    where u.id = v_session.user_id
  );
end;
$$;

comment on function auth.begin_passkey_registration(uuid) is
  'Tells a process for whom it makes options to register a passkey: {"user_id", "account" (how the
user is called), "credentials" that there are, "relying_party"}. Or {"error"}: passkey_disabled,
session_not_found, too_many_passkeys, and those of auth.require_aal.';

revoke all on function auth.begin_passkey_registration(uuid) from public;
grant execute on function auth.begin_passkey_registration(uuid) to service_role;
