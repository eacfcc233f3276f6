create or replace function auth.begin_factor_attempt(
  session_id uuid,
  factor_id uuid,
  challenge_id uuid
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_session constant auth.sessions := auth.hold_session(begin_factor_attempt.session_id);
  v_factor auth.mfa_factors;
  v_challenge auth.mfa_challenges;
  v_counted jsonb;
begin
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;

  select f.* into v_factor
  from auth.mfa_factors as f
  where f.id = begin_factor_attempt.factor_id
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

  select c.* into v_challenge
  from auth.mfa_challenges as c
  where c.id = begin_factor_attempt.challenge_id
  and c.factor_id = v_factor.id;

  if not found then
    return jsonb_build_object(
      'error', 'mfa_factor_not_found',
      'message', 'MFA factor with the provided challenge ID not found'
    );
  end if;
  if v_challenge.verified_at is not null
  or v_challenge.created_at
    + make_interval(secs => auth.setting('mfa_challenge_lifetime')::integer) <= v_now then
    return '{"error": "mfa_challenge_expired"}'::jsonb;
  end if;

  v_counted := auth.count_attempt(
    v_session.id, v_session.user_id, v_factor.id, v_factor.factor_type, v_challenge.id
  );
  if v_counted ? 'error' then
    return v_counted;
  end if;

  -- One answer each: who may try a second one could wait for two that fit.
  if v_factor.factor_type = 'webauthn' then
    update auth.mfa_challenges as c
    set verified_at = v_now
    where c.id = v_challenge.id;
  end if;

  return v_counted || jsonb_strip_nulls(jsonb_build_object(
    'type', v_factor.factor_type,
    'status', v_factor.status,
    'now', floor(extract(epoch from v_now))::bigint,
    'secret', v_factor.secret,
    'last_step', v_factor.last_step,
    'code_hash', encode(v_challenge.code_hash, 'hex'),
    'session_data', v_challenge.web_authn_session_data,
    'user_id', v_session.user_id,
    'credential', v_factor.web_authn_credential,
    'relying_party', auth.relying_party()
  ));
end;
$$;

comment on function auth.begin_factor_attempt(uuid, uuid, uuid) is
  'Counts an attempt of the user of a session to answer a challenge of a factor, as a failure until
auth.finish_factor_attempt says otherwise, and tells what a right answer must fit: {"attempt",
"type", "status", "now" in Unix seconds, "secret" as it is stored, "last_step", "code_hash",
"session_data", "user_id", "credential", "relying_party"}. Or {"error"}: session_not_found,
mfa_factor_not_found, mfa_challenge_expired, totp_rate_limit_exceeded with "retry_after",
mfa_ + type + _verify_not_enabled.';

revoke all on function auth.begin_factor_attempt(uuid, uuid, uuid) from public;
grant execute on function auth.begin_factor_attempt(uuid, uuid, uuid) to service_role;
