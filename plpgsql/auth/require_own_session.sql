create or replace function auth.require_own_session(session_id uuid)
  returns void
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from auth.sessions as s
    where s.id = require_own_session.session_id
    and s.impersonator is not null
  ) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = 'who acts in a user''s place cannot do this';
  end if;
end;
$$;

comment on function auth.require_own_session(uuid) is
  'For what changes by what a user signs in, and where: raises 42501 for a session of somebody who
acts in the user''s place.';

revoke all on function auth.require_own_session(uuid) from public;
grant execute on function auth.require_own_session(uuid) to service_role;
