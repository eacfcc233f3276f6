create or replace function auth.raise_session(attempt bigint)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_attempt auth.two_factor_recovery_attempts;
begin
  update auth.two_factor_recovery_attempts as a
  set success = true,
      finished_at = v_now,
      locked_until = null
  where a.id = raise_session.attempt
  returning a.* into v_attempt;
  if not found then
    return null;
  end if;

  update auth.two_factor_recovery_attempts as a
  set cleared_at = v_now
  where a.user_id = v_attempt.user_id
  and a.cleared_at is null;

  -- The token of before is worth aal1, and may be in other hands: it has no child.
  update auth.sessions as s
  set aal = 'aal2',
      factor_id = v_attempt.factor_id,
      refresh_token_counter = s.refresh_token_counter + 1,
      refresh_token_parent = null,
      refreshed_at = v_now at time zone 'UTC',
      updated_at = v_now,
      tokens_until = least(v_now + auth.token_lifetime(), s.not_after)
  where s.id = v_attempt.session_id;

  insert into auth.mfa_amr_claims as m (
    session_id, created_at, updated_at, authentication_method
  )
  values (
    v_attempt.session_id, v_now, v_now,
    case v_attempt.kind when 'totp' then 'totp' else 'mfa/' || v_attempt.kind end
  )
  on conflict on constraint method_is_told_once do update
  set updated_at = excluded.updated_at;

  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = v_attempt.user_id
    and l.id <> v_attempt.session_id
    and coalesce(l.aal, 'aal1') < 'aal2'
    order by l.id
    for update
  );

  return auth.grant_of(v_attempt.session_id);
end;
$$;

comment on function auth.raise_session(bigint) is
  'What a right second factor brings: its attempt succeeds and clears the failures before, its
session is of aal2 and has a new refresh token, and the other sessions of the user below aal2 end.
The caller holds the lock of the user. Returns auth.grant_of; null for an attempt that
is not there. For functions of ours.';

revoke all on function auth.raise_session(bigint) from public;
