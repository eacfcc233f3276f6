create or replace function auth.check_sessions(sessions uuid[])
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select auth.jwks() || jsonb_build_object(
    'ended', coalesce(jsonb_agg(e.session_id), '[]')
  )
  from auth.ended_sessions as e
  where e.session_id = any (check_sessions.sessions);
$$;

comment on function auth.check_sessions(uuid[]) is
  'What a process needs to check access tokens with that does not follow the stream of changes:
which of some sessions have ended, and the public keys (auth.jwks). For the processes.';

revoke all on function auth.check_sessions(uuid[]) from public;
grant execute on function auth.check_sessions(uuid[]) to fluxbase_replication, authenticator;
