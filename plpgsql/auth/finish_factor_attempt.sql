create or replace function auth.finish_factor_attempt(
  attempt bigint,
  step bigint default null,
  code_hash bytea default null,
  credential jsonb default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_attempt auth.two_factor_recovery_attempts;
  v_session auth.sessions;
  v_factor auth.mfa_factors;
  v_counter constant bigint := coalesce(
    (finish_factor_attempt.credential #>> array['authenticator', 'signCount'])::bigint, 0
  );
  v_old_counter bigint;
begin
  select a.* into v_attempt
  from auth.two_factor_recovery_attempts as a
  where a.id = finish_factor_attempt.attempt;

  v_session := auth.hold_session(v_attempt.session_id);
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;

  update auth.two_factor_recovery_attempts as a
  set finished_at = v_now
  where a.id = v_attempt.id
  and a.finished_at is null
  and a.attempted_at > v_now - interval '1 minute';
  if not found then
    return '{"error": "mfa_verification_failed"}'::jsonb;
  end if;

  select f.* into v_factor
  from auth.mfa_factors as f
  where f.id = v_attempt.factor_id;
  if not found then
    return '{"error": "mfa_factor_not_found"}'::jsonb;
  end if;

  -- What fits now: another attempt may have used the code since the process looked.
  if not coalesce(case v_factor.factor_type
    when 'totp' then finish_factor_attempt.step > coalesce(v_factor.last_step, -1)
    when 'phone' then exists (
      select
      from auth.mfa_challenges as c
      where c.id = v_attempt.challenge_id
      and c.code_hash = finish_factor_attempt.code_hash
      and c.verified_at is null
    )
    when 'webauthn' then finish_factor_attempt.credential is not null
  end, false) then
    return '{"error": "mfa_verification_failed"}'::jsonb;
  end if;

  v_old_counter := coalesce(
    (v_factor.web_authn_credential #>> array['authenticator', 'signCount'])::bigint, 0
  );
  if v_factor.status = 'verified' and v_counter <= v_old_counter and v_old_counter > 0 then
    perform audit.record(
      'mfa_factor.cloned', v_session.user_id::text,
      jsonb_build_object('factor', v_factor.id, 'shown', v_counter, 'known', v_old_counter)
    );
    return '{"error": "mfa_verification_failed"}'::jsonb;
  end if;

  update auth.mfa_factors as f
  set status = 'verified',
      updated_at = case f.status when 'verified' then f.updated_at else v_now end,
      last_step = coalesce(finish_factor_attempt.step, f.last_step),
      web_authn_credential = coalesce(
        finish_factor_attempt.credential, f.web_authn_credential
      )
  where f.id = v_factor.id;
  update auth.mfa_challenges as c
  set verified_at = v_now
  where c.id = v_attempt.challenge_id;
  if v_factor.status = 'unverified' then
    perform audit.record(
      'mfa_factor.verified', v_session.user_id::text,
      jsonb_build_object('factor', v_factor.id, 'type', v_factor.factor_type)
    );
  end if;

  return auth.raise_session(v_attempt.id);
end;
$$;

comment on function auth.finish_factor_attempt(bigint, bigint, bytea, jsonb) is
  'Ends an attempt that auth.begin_factor_attempt has begun, with what the process found: the time
step of the code of totp, the HMAC of the code of a phone, the credential record after its
signature; nothing if the answer was wrong. A right one verifies the factor, raises the session to
aal2, ends the other sessions of the user below that and clears what failed before. Returns
auth.grant_of or {"error"}: mfa_verification_failed, also for a code or step that was used, and for
an authenticator that seems to be copied (WebAuthn level 3, section 6.1.1); session_not_found,
mfa_factor_not_found.';

revoke all on function auth.finish_factor_attempt(bigint, bigint, bytea, jsonb) from public;
grant execute on function auth.finish_factor_attempt(bigint, bigint, bytea, jsonb) to service_role;
