create or replace function auth.list_sessions(user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when exists (
      select
      from auth.users as u
      where u.id = list_sessions.user_id
    ) then coalesce(
      (
        select jsonb_agg(
          jsonb_build_object(
            'id', s.id,
            'created_at', auth.time_text(s.created_at),
            'refreshed_at', auth.time_text(s.refreshed_at at time zone 'UTC'),
            'not_after', auth.time_text(s.not_after),
            'user_agent', s.user_agent,
            'ip', host(s.ip),
            'aal', s.aal,
            'methods', (
              select coalesce(jsonb_agg(m.authentication_method order by m.created_at, m.id), '[]')
              from auth.mfa_amr_claims as m
              where m.session_id = s.id
            ),
            'impersonator', s.impersonator
          )
          order by s.created_at desc, s.id
        )
        from auth.sessions as s
        where s.user_id = list_sessions.user_id
        and (s.not_after is null or s.not_after > now())
      ),
      '[]'
    )
    else '{"error": "user_not_found"}'
  end;
$$;

comment on function auth.list_sessions(uuid) is
  'Where a user is signed in, the newest first: an array of {"id", "created_at", "refreshed_at",
"not_after", "user_agent", "ip", "aal", "methods", "impersonator": who acts in their place}; or
{"error": "user_not_found"}.';

revoke all on function auth.list_sessions(uuid) from public;
grant execute on function auth.list_sessions(uuid) to service_role;
