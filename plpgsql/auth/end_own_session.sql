create or replace function auth.end_own_session(session_id uuid, user_id uuid, other uuid)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_who jsonb;
begin
  perform auth.require_own_session(end_own_session.session_id);

  v_who := auth.user_of_session(end_own_session.session_id, end_own_session.user_id);
  if v_who ? 'error' then
    return v_who;
  end if;
  return jsonb_build_object(
    'ended', auth.end_sessions(
      end_own_session.user_id,
      -- Null is all of them there.
      coalesce(end_own_session.other, end_own_session.session_id)
    )
  );
end;
$$;

comment on function auth.end_own_session(uuid, uuid, uuid) is
  'Has the user of an access token, by its session and subject, end one of their sessions. Returns
{"ended": 0 or 1}, or {"error"}: session_not_found, user_not_found. Raises 42501 for who acts in the
user''s place.';

revoke all on function auth.end_own_session(uuid, uuid, uuid) from public;
grant execute on function auth.end_own_session(uuid, uuid, uuid) to service_role;
