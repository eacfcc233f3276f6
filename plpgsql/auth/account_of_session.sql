create or replace function auth.account_of_session(session_id uuid, user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select jsonb_build_object(
        'id', u.id,
        'email', coalesce(u.email, ''),
        'phone', coalesce(u.phone, ''),
        'hash', coalesce(u.encrypted_password, ''),
        'current_password',
          auth.setting('security_update_password_require_current_password')::boolean
          -- Who has forgotten it has shown by a mail who they are.
          and not exists (
            select
            from auth.mfa_amr_claims as m
            where m.session_id = s.id
            and m.authentication_method = 'recovery'
            and m.updated_at > now() - interval '1 hour'
          ),
        'redirects', auth.redirect_settings()
      )
      from auth.sessions as s
      join auth.users as u on u.id = s.user_id
      where s.id = account_of_session.session_id
      and s.user_id = account_of_session.user_id
    ),
    auth.user_of_session(account_of_session.session_id, account_of_session.user_id)
  );
$$;

comment on function auth.account_of_session(uuid, uuid) is
  'What a process needs for auth.change_user: {"id", "email", "phone", "hash" of the password, empty
without one, "current_password": whether a new one needs the old one, "redirects"} of the user of
a session, or {"error"}: session_not_found, user_not_found.';

revoke all on function auth.account_of_session(uuid, uuid) from public;
grant execute on function auth.account_of_session(uuid, uuid) to service_role;
