create or replace function auth.end_sessions(user_id uuid, session_id uuid default null)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ended integer;
begin
  -- In one order, as auth.sign_out takes them.
  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = end_sessions.user_id
    and (end_sessions.session_id is null or l.id = end_sessions.session_id)
    order by l.id
    for update
  );
  get diagnostics v_ended = row_count;

  if v_ended > 0 then
    perform audit.record(
      'session.ended', end_sessions.user_id::text,
      jsonb_build_object('session', end_sessions.session_id, 'ended', v_ended)
    );
  end if;
  return v_ended;
end;
$$;

comment on function auth.end_sessions(uuid, uuid) is
  'Ends all sessions of a user, or the given one of them, with all tokens: refresh tokens at once,
access tokens from the commit on, in a process that follows the stream of changes a moment later;
fluxbase.settle() waits for that. Returns how many ended.';

revoke all on function auth.end_sessions(uuid, uuid) from public;
grant execute on function auth.end_sessions(uuid, uuid) to service_role;
