create or replace function auth.open_session(
  user_id uuid,
  method text,
  user_agent text default null,
  ip inet default null,
  aal auth.aal_level default 'aal1'
)
  returns uuid
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session uuid;
begin
  -- The row lock is what a ban waits for, and this for a ban: no session outlives one.
  update auth.users as u
  set last_sign_in_at = clock_timestamp()
  where u.id = open_session.user_id
  and u.deleted_at is null
  and (u.banned_until is null or u.banned_until <= clock_timestamp());

  if not found then
    return null;
  end if;

  insert into auth.sessions as s (user_id, created_at, aal, user_agent, ip, tokens_until)
  values (
    open_session.user_id, clock_timestamp(), open_session.aal, left(open_session.user_agent, 500),
    open_session.ip, clock_timestamp() + auth.token_lifetime()
  )
  returning s.id into v_session;

  insert into auth.mfa_amr_claims (session_id, created_at, updated_at, authentication_method)
  values (
    v_session, clock_timestamp(), clock_timestamp(),
    auth.require_value(open_session.method, 'method')
  );

  if auth.setting('sessions_single_per_user')::boolean then
    -- In one order, as auth.sign_out takes them.
    delete from auth.sessions as s
    where s.id in (
      select l.id
      from auth.sessions as l
      where l.user_id = open_session.user_id
      and l.id <> v_session
      order by l.id
      for update
    );
  end if;

  perform audit.record(
    'session.opened', open_session.user_id::text,
    jsonb_build_object('session', v_session, 'method', open_session.method)
  );
  return v_session;
end;
$$;

comment on function auth.open_session(uuid, text, text, inet, auth.aal_level) is
  'Signs a user in, who was shown to be the user by a method (password, otp, oauth and so on; the
claim amr). Returns the session; null for a user that is not there, is deleted or is banned.';

revoke all on function auth.open_session(uuid, text, text, inet, auth.aal_level) from public;
grant execute on function auth.open_session(uuid, text, text, inet, auth.aal_level) to service_role;
