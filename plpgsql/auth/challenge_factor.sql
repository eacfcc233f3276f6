create or replace function auth.challenge_factor(
  session_id uuid,
  factor_id uuid,
  ip inet default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_pause constant interval := make_interval(
    secs => auth.setting('mfa_phone_max_frequency')::integer
  );
  v_session constant auth.sessions := auth.hold_session(challenge_factor.session_id);
  v_factor auth.mfa_factors;
  v_challenge uuid;
begin
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;

  select f.* into v_factor
  from auth.mfa_factors as f
  where f.id = challenge_factor.factor_id
  and f.user_id = v_session.user_id
  and f.factor_type <> 'recovery_code';

  if not found then
    return '{"error": "mfa_factor_not_found"}'::jsonb;
  end if;
  if not auth.setting('mfa_verify') ? v_factor.factor_type::text then
    return jsonb_build_object(
      'error', 'mfa_' || v_factor.factor_type || '_verify_not_enabled'
    );
  end if;
  -- Messages cost money, and annoy.
  if v_factor.factor_type = 'phone' and v_factor.last_challenged_at + v_pause > v_now then
    return jsonb_build_object(
      'error', 'over_sms_send_rate_limit',
      'retry_after', extract(epoch from v_factor.last_challenged_at + v_pause - v_now)
    );
  end if;

  update auth.mfa_factors as f
  set last_challenged_at = v_now
  where f.id = v_factor.id;
  insert into auth.mfa_challenges as c (factor_id, created_at, ip_address)
  values (v_factor.id, v_now, challenge_factor.ip)
  returning c.id into v_challenge;

  return (
    select jsonb_strip_nulls(jsonb_build_object(
      'id', v_challenge,
      'type', v_factor.factor_type,
      'expires_at', floor(extract(epoch from v_now
        + make_interval(secs => auth.setting('mfa_challenge_lifetime')::integer)))::bigint,
      'status', v_factor.status,
      'phone', v_factor.phone,
      'user', case v_factor.factor_type when 'phone' then auth.user_json(u.id) end,
      'user_id', u.id,
      'account', coalesce(nullif(u.email, ''), u.phone, u.id::text),
      'credential', v_factor.web_authn_credential
    )) || jsonb_build_object('relying_party', auth.relying_party())
    from auth.users as u
    where u.id = v_session.user_id
  );
end;
$$;

comment on function auth.challenge_factor(uuid, uuid, inet) is
  'Asks the user of a session for a second factor. Returns {"id" of the challenge, "type",
"expires_at" in Unix seconds, "status", "phone" and "user" for a phone, "user_id", "account",
"credential", "relying_party"}; phone and webauthn need auth.bind_challenge before an answer can
fit. Or {"error"}: session_not_found, mfa_factor_not_found, over_sms_send_rate_limit with
"retry_after", mfa_ + type + _verify_not_enabled.';

revoke all on function auth.challenge_factor(uuid, uuid, inet) from public;
grant execute on function auth.challenge_factor(uuid, uuid, inet) to service_role;
