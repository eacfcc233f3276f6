create or replace function auth.impersonate(
  user_id uuid,
  reason text,
  duration interval default '15 min',
  user_agent text default null,
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
  v_end constant timestamptz := v_now + impersonate.duration;
  v_user auth.users;
  v_session uuid;
begin
  if coalesce(trim(impersonate.reason), '') = '' then
    return '{"error": "validation_failed", "message": "Say why: give a reason"}'::jsonb;
  end if;
  if v_end is null or v_end <= v_now or v_end > v_now + interval '1 hour' then
    return '{"error": "validation_failed", "message": "It may last an hour at most"}'::jsonb;
  end if;

  -- A ban that is under way waits for this, or this for it: no session outlives one.
  select u.* into v_user
  from auth.users as u
  where u.id = impersonate.user_id
  and u.deleted_at is null
  for no key update;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  end if;
  if v_user.banned_until > v_now then
    return '{"error": "user_banned"}'::jsonb;
  end if;

  -- None of the user's doing: it is not when they signed in last, and ends no session of theirs.
  insert into auth.sessions as s (
    user_id, created_at, aal, user_agent, ip, not_after, tokens_until, impersonator
  )
  values (
    v_user.id, v_now, 'aal1', left(impersonate.user_agent, 500), impersonate.ip, v_end,
    least(v_now + auth.token_lifetime(), v_end), audit.actor()
  )
  returning s.id into v_session;

  insert into auth.mfa_amr_claims (session_id, created_at, updated_at, authentication_method)
  values (v_session, v_now, v_now, 'impersonation');

  perform audit.record(
    'user.impersonated', v_user.id::text, jsonb_build_object(
      'session', v_session, 'reason', impersonate.reason, 'not_after', v_end
    )
  );
  return auth.grant_of(v_session);
end;
$$;

comment on function auth.impersonate(uuid, text, interval, text, inet) is
  'Opens a session of a user for who has to see what the user sees, for an hour at most and by one
factor, whatever the user has. Its tokens say who it is (claim act), the user sees it in the list of
sessions, and it changes nothing by which the user signs in. The reason is kept in audit.events.
Returns auth.grant_of, or {"error"}: validation_failed, user_not_found, user_banned.';

revoke all on function auth.impersonate(uuid, text, interval, text, inet) from public;
grant execute on function auth.impersonate(uuid, text, interval, text, inet) to service_role;
