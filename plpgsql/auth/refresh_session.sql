create or replace function auth.refresh_session(
  session_id uuid,
  counter bigint,
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
  v_session auth.sessions;
  v_given timestamptz;
  v_timebox constant integer := auth.setting('sessions_timebox')::integer;
  v_idle constant integer := auth.setting('sessions_inactivity_timeout')::integer;
  v_reuse constant integer := auth.setting('refresh_token_reuse_interval')::integer;
begin
  -- All who come with one token wait for each other here, for the time of a commit.
  select s.* into v_session
  from auth.sessions as s
  where s.id = refresh_session.session_id
  for no key update;

  if not found then
    return '{"error": "refresh_token_not_found"}'::jsonb;
  end if;
  v_given := coalesce(v_session.refreshed_at at time zone 'UTC', v_session.created_at);

  if v_session.not_after <= v_now
  or v_timebox > 0 and v_session.created_at + make_interval(secs => v_timebox) <= v_now
  or v_idle > 0 and v_given + make_interval(secs => v_idle) <= v_now then
    delete from auth.sessions as s
    where s.id = v_session.id;
    return '{"error": "session_expired"}'::jsonb;
  end if;

  if exists (
    select
    from auth.users as u
    where u.id = v_session.user_id
    and u.banned_until > v_now
  ) then
    return '{"error": "user_banned"}'::jsonb;
  end if;

  -- One that is older, or was replaced without having been shown: there are two branches,
  -- of which one is stolen. Nobody can tell which, so both end.
  if refresh_session.counter is null
  or refresh_session.counter <> v_session.refresh_token_counter
  and refresh_session.counter is distinct from v_session.refresh_token_parent then
    delete from auth.sessions as s
    where s.id = v_session.id;
    perform audit.record(
      'refresh_token.reused', v_session.user_id::text,
      jsonb_build_object('session', v_session.id, 'shown', refresh_session.counter,
        'current', v_session.refresh_token_counter)
    );
    return '{"error": "refresh_token_already_used"}'::jsonb;
  end if;

  -- A tab beside another, or an answer that was lost: the parent gets the current token,
  -- and later another in place of it, as long as nobody has shown it.
  if refresh_session.counter = v_session.refresh_token_counter
  or v_given + make_interval(secs => v_reuse) <= v_now then
    update auth.sessions as s
    set refresh_token_counter = s.refresh_token_counter + 1,
        refresh_token_parent = refresh_session.counter,
        refreshed_at = v_now at time zone 'UTC',
        updated_at = v_now,
        user_agent = coalesce(left(refresh_session.user_agent, 500), s.user_agent),
        ip = coalesce(refresh_session.ip, s.ip),
        tokens_until = least(v_now + auth.token_lifetime(), s.not_after)
    where s.id = v_session.id;
  elsif v_session.tokens_until < v_now + auth.token_lifetime() then
    update auth.sessions as s
    set tokens_until = least(v_now + auth.token_lifetime(), s.not_after)
    where s.id = v_session.id;
  end if;

  return auth.grant_of(v_session.id);
end;
$$;

comment on function auth.refresh_session(uuid, bigint, text, inet) is
  'Gives new tokens to who shows the refresh token of a session by its number. The current one is
replaced. Its parent gets the current one within the setting refresh_token_reuse_interval, and
afterwards, as long as nobody has shown the current one, another in place of it. Any older token, or
one that was replaced in that way, ends the session (RFC 9700, section 4.14). Returns auth.grant_of,
or {"error"}: refresh_token_not_found, refresh_token_already_used, session_expired, user_banned.';

revoke all on function auth.refresh_session(uuid, bigint, text, inet) from public;
grant execute on function auth.refresh_session(uuid, bigint, text, inet) to service_role;
