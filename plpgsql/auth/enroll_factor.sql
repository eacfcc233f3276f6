create or replace function auth.enroll_factor(
  session_id uuid,
  factor_id uuid,
  factor_type text,
  friendly_name text default null,
  secret text default null,
  phone text default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_session auth.sessions;
  v_refusal jsonb;
begin
  if not auth.setting('mfa_enroll') ? enroll_factor.factor_type
  -- Nobody would send the codes.
  or enroll_factor.factor_type = 'phone'
  and coalesce(auth.setting('hook_send_sms_uri') #>> '{}', '') = '' then
    return jsonb_build_object(
      'error', 'mfa_' || enroll_factor.factor_type || '_enroll_not_enabled'
    );
  end if;

  v_session := auth.hold_session(enroll_factor.session_id);
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;
  v_refusal := auth.require_aal(v_session.id);
  if v_refusal is not null then
    return v_refusal;
  end if;

  delete from auth.mfa_factors as f
  where f.user_id = v_session.user_id
  and f.status = 'unverified'
  and (
    f.created_at <= v_now - make_interval(secs => auth.setting('mfa_factor_lifetime')::integer)
    -- One that was begun and left, and is begun again.
    or f.phone = enroll_factor.phone
  );

  if exists (
    select
    from auth.mfa_factors as f
    where f.user_id = v_session.user_id
    and f.phone = enroll_factor.phone
  ) then
    return '{"error": "mfa_verified_factor_exists"}'::jsonb;
  end if;
  if (
    select count(*)
    from auth.mfa_factors as f
    where f.user_id = v_session.user_id
    and f.factor_type <> 'recovery_code'
  ) >= auth.setting('mfa_max_enrolled_factors')::integer then
    return '{"error": "too_many_enrolled_mfa_factors"}'::jsonb;
  end if;
  if exists (
    select
    from auth.mfa_factors as f
    where f.user_id = v_session.user_id
    and f.friendly_name = enroll_factor.friendly_name
    and trim(f.friendly_name) <> ''
  ) then
    return '{"error": "mfa_factor_name_conflict"}'::jsonb;
  end if;

  insert into auth.mfa_factors (
    id, user_id, friendly_name, factor_type, created_at, updated_at, secret, phone
  )
  values (
    auth.require_value(enroll_factor.factor_id, 'factor_id'),
    v_session.user_id, enroll_factor.friendly_name,
    auth.require_value(enroll_factor.factor_type, 'factor_type')::auth.factor_type,
    v_now, v_now, enroll_factor.secret, enroll_factor.phone
  );
  perform audit.record(
    'mfa_factor.enrolled', v_session.user_id::text,
    jsonb_build_object('factor', enroll_factor.factor_id, 'type', enroll_factor.factor_type)
  );

  return (
    select jsonb_strip_nulls(jsonb_build_object(
      'id', enroll_factor.factor_id,
      'type', enroll_factor.factor_type,
      'friendly_name', coalesce(enroll_factor.friendly_name, ''),
      'phone', enroll_factor.phone,
      'account', coalesce(nullif(u.email, ''), u.phone, u.id::text),
      'site_url', auth.setting('site_url')
    ))
    from auth.users as u
    where u.id = v_session.user_id
  );
end;
$$;

comment on function auth.enroll_factor(uuid, uuid, text, text, text, text) is
  'Begins a second factor of the user of a session: factor_type totp with its sealed secret, phone
with a number, or webauthn. It counts once it was verified. Returns {"id", "type", "friendly_name",
"phone", "account" (how its user is called), "site_url"} or {"error"}: session_not_found,
those of auth.require_aal (a further factor needs one that there is), too_many_enrolled_mfa_factors,
mfa_factor_name_conflict, mfa_verified_factor_exists, and mfa_ + type + _enroll_not_enabled.';

revoke all on function auth.enroll_factor(uuid, uuid, text, text, text, text) from public;
grant execute on function auth.enroll_factor(uuid, uuid, text, text, text, text) to service_role;
