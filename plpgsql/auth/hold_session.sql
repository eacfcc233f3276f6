create or replace function auth.hold_session(session_id uuid)
  returns auth.sessions
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session auth.sessions;
begin
  -- First the user, then the sessions: the order in which all take these locks.
  perform
  from auth.users as u
  join auth.sessions as s on s.user_id = u.id
  where s.id = hold_session.session_id
  and u.deleted_at is null
  for no key update of u;

  if found then
    select s.* into v_session
    from auth.sessions as s
    where s.id = hold_session.session_id;
  end if;
  return v_session;
end;
$$;

comment on function auth.hold_session(uuid) is
  'The session, whose user is locked until the end of the transaction, so that nobody else changes
their factors or counts their attempts meanwhile. All null for one that is not there.';

revoke all on function auth.hold_session(uuid) from public;
