create or replace function auth.user_of_session(session_id uuid, user_id uuid)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(
      auth.user_json(s.user_id),
      jsonb_build_object('error', case
        when exists (
          select
          from auth.users as u
          where u.id = user_of_session.user_id
          and u.deleted_at is null
        ) then 'session_not_found'
        else 'user_not_found'
      end)
    )
    from (values (1)) as one (row)
    left join auth.sessions as s
      on s.id = user_of_session.session_id
      and s.user_id = user_of_session.user_id
  );
end;
$$;

comment on function auth.user_of_session(uuid, uuid) is
  'The user of an access token, by its session and subject: auth.user_json, or {"error"}:
session_not_found, user_not_found.';

revoke all on function auth.user_of_session(uuid, uuid) from public;
grant execute on function auth.user_of_session(uuid, uuid) to service_role;
