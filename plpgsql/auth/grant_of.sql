create or replace function auth.grant_of(session_id uuid)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
      'session_id', s.id,
      'counter', s.refresh_token_counter,
      'claims', auth.claims_of(s.id),
      'user', auth.user_json(s.user_id)
    )
    || case auth.setting('hook_custom_access_token_uri')
      when '""' then '{}'
      else jsonb_build_object('hook', auth.run_hook('custom_access_token', jsonb_build_object(
        'user_id', s.user_id,
        'claims', auth.claims_of(s.id),
        'authentication_method', (
          select m.authentication_method
          from auth.mfa_amr_claims as m
          where m.session_id = s.id
          order by m.updated_at desc, m.id
          limit 1
        )
      )))
    end
    from auth.sessions as s
    where s.id = grant_of.session_id
  );
end;
$$;

comment on function auth.grant_of(uuid) is
  'What a process makes the answer to a sign-in of: {"session_id", "counter" of the refresh token,
"claims" of the access token, "user"}, and "hook", what auth.run_hook returned for
custom_access_token, if that is set. Null for a session that is not there.';

revoke all on function auth.grant_of(uuid) from public;
grant execute on function auth.grant_of(uuid) to service_role;
