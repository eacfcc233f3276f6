create or replace function auth.use_recovery_code(session_id uuid, code_hash bytea)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session auth.sessions;
  v_factor uuid;
  v_counted jsonb;
  v_attempt bigint;
begin
  if not auth.setting('mfa_verify') ? 'recovery_codes' then
    return '{"error": "mfa_recovery_codes_verify_not_enabled"}'::jsonb;
  end if;
  v_session := auth.hold_session(use_recovery_code.session_id);
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;

  select f.id into v_factor
  from auth.mfa_factors as f
  where f.user_id = v_session.user_id
  and f.factor_type = 'recovery_code';

  v_counted := auth.count_attempt(
    v_session.id, v_session.user_id, v_factor, 'recovery_code'
  );
  if v_counted ? 'error' then
    return v_counted;
  end if;
  v_attempt := (v_counted ->> 'attempt')::bigint;

  update auth.mfa_recovery_codes as c
  set used_at = clock_timestamp()
  where c.factor_id = v_factor
  and c.code_hash = use_recovery_code.code_hash
  and c.used_at is null;
  if not found then
    update auth.two_factor_recovery_attempts as a
    set finished_at = clock_timestamp()
    where a.id = v_attempt;
    return jsonb_build_object(
      'error', 'mfa_verification_failed', 'message', 'Invalid recovery code entered'
    );
  end if;

  perform audit.record(
    'mfa_recovery_code.used', v_session.user_id::text, jsonb_build_object('factor', v_factor)
  );
  return auth.raise_session(v_attempt);
end;
$$;

comment on function auth.use_recovery_code(uuid, bytea) is
  'Takes a recovery code, by its SHA-256, in place of another factor of the user of a session. It is
counted as any attempt, and good once. Returns auth.grant_of of the session, of aal2 now, or
{"error"}: session_not_found, mfa_verification_failed, mfa_recovery_codes_locked with "retry_after",
mfa_recovery_codes_verify_not_enabled.';

revoke all on function auth.use_recovery_code(uuid, bytea) from public;
grant execute on function auth.use_recovery_code(uuid, bytea) to service_role;
