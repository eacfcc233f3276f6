create or replace function auth.read_ended_sessions(after uuid, most integer)
  returns text
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    p.session_id || ' ' || ceil(extract(epoch from p.forget_at))::bigint, E'\n'
    order by p.session_id
  )
  from (
    select e.session_id, e.forget_at
    from auth.ended_sessions as e
    where e.session_id > read_ended_sessions.after
    order by e.session_id
    limit read_ended_sessions.most
  ) as p;
$$;

comment on function auth.read_ended_sessions(uuid, integer) is
  'A page of the sessions that have ended, those behind one, a line each: the session, and the
second since 1970 from which on it may be forgotten; null behind the last. For the processes.';

revoke all on function auth.read_ended_sessions(uuid, integer) from public;
grant execute on function auth.read_ended_sessions(uuid, integer) to fluxbase_replication;
