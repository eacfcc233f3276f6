create or replace function auth.count_attempt(
  session_id uuid,
  user_id uuid,
  factor_id uuid,
  kind auth.factor_type,
  challenge_id uuid default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_locked timestamptz;
  v_failures integer := 0;
  v_attempt bigint;
begin
  -- Nobody guesses a signature.
  if count_attempt.kind <> 'webauthn' then
    select max(a.locked_until) into v_locked
    from auth.two_factor_recovery_attempts as a
    where a.user_id = count_attempt.user_id
    and a.cleared_at is null;

    if v_locked > v_now then
      return jsonb_build_object(
        'error', case count_attempt.kind
          when 'recovery_code' then 'mfa_recovery_codes_locked'
          else 'totp_rate_limit_exceeded'
        end,
        'retry_after', extract(epoch from v_locked - v_now)
      );
    end if;

    select count(*) + 1 into v_failures
    from auth.two_factor_recovery_attempts as a
    where a.user_id = count_attempt.user_id
    and a.kind <> 'webauthn'
    and not a.success
    and a.cleared_at is null
    and a.attempted_at > greatest(
      v_now - make_interval(secs => auth.setting('mfa_failure_window')::integer), v_locked
    );
  end if;

  insert into auth.two_factor_recovery_attempts as a (
    user_id, kind, attempted_at, locked_until, factor_id, session_id, challenge_id
  )
  values (
    auth.require_value(count_attempt.user_id, 'user_id'),
    auth.require_value(count_attempt.kind, 'kind'),
    v_now,
    case
      when v_failures >= auth.setting('mfa_max_failures')::integer
        then v_now + make_interval(secs => auth.setting('mfa_lockout')::integer)
    end,
    count_attempt.factor_id, count_attempt.session_id, count_attempt.challenge_id
  )
  returning a.id into v_attempt;
  return jsonb_build_object('attempt', v_attempt);
end;
$$;

comment on function auth.count_attempt(uuid, uuid, uuid, auth.factor_type, uuid) is
  'Counts an attempt as a failure before it is looked at; the caller holds the lock of the user
(auth.hold_session). After mfa_max_failures within mfa_failure_window seconds none is looked at for
mfa_lockout seconds. Returns {"attempt"} or {"error", "retry_after"}: totp_rate_limit_exceeded,
mfa_recovery_codes_locked. Raises 23503 without such a user. For functions of ours.';

revoke all on function auth.count_attempt(uuid, uuid, uuid, auth.factor_type, uuid) from public;
