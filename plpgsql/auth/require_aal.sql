create or replace function auth.require_aal(session_id uuid, setting text default null)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when coalesce(s.aal, 'aal1') < 'aal2'
      and coalesce(auth.setting(require_aal.setting)::boolean, true)
      and exists (
        select
        from auth.mfa_factors as f
        where f.user_id = s.user_id
        and f.status = 'verified'
      )
      then '{"error": "insufficient_aal"}'::jsonb
    when m.max_age > 0
      -- Nothing is known yet that they could show again.
      and not u.is_anonymous
      and not exists (
        select
        from auth.mfa_amr_claims as c
        where c.session_id = s.id
        and c.updated_at > clock_timestamp() - make_interval(secs => m.max_age)
      )
      then '{"error": "reauthentication_needed", "message":
        "Sign in again, or show a second factor: it was too long ago"}'
  end
  from auth.sessions as s
  join auth.users as u on u.id = s.user_id
  cross join (select auth.setting('reauthentication_max_age')::integer as max_age) as m
  where s.id = require_aal.session_id;
$$;

comment on function auth.require_aal(uuid, text) is
  'Whether the user of the session may change by what they sign in: null if all is well. Else the
refusal {"error": "insufficient_aal"} for who has a verified second factor and has not shown one in
it, unless a setting is named that is off; or {"error": "reauthentication_needed"} if they have
shown who they are longer ago than the setting reauthentication_max_age says.';

revoke all on function auth.require_aal(uuid, text) from public;
grant execute on function auth.require_aal(uuid, text) to service_role;
