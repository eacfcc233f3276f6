create or replace function auth.own_sessions(session_id uuid, user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when w.who ? 'error' then w.who
    else (
      select jsonb_agg(
        l.session
          || jsonb_build_object('current', l.session ->> 'id' = own_sessions.session_id::text)
        order by l.n
      )
      from jsonb_array_elements(auth.list_sessions(own_sessions.user_id))
        with ordinality as l (session, n)
    )
  end
  from auth.user_of_session(own_sessions.session_id, own_sessions.user_id) as w (who);
$$;

comment on function auth.own_sessions(uuid, uuid) is
  'Where the user of an access token, by its session and subject, is signed in: auth.list_sessions,
each with "current", whether it is the one that asks; or {"error"}: session_not_found,
user_not_found.';

revoke all on function auth.own_sessions(uuid, uuid) from public;
grant execute on function auth.own_sessions(uuid, uuid) to service_role;
