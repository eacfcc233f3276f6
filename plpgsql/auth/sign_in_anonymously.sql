create or replace function auth.sign_in_anonymously(
  data jsonb default null,
  user_agent text default null,
  ip inet default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session uuid;
  v_ran text;
begin
  if auth.setting('disable_signup')::boolean then
    return '{"error": "signup_disabled"}'::jsonb;
  end if;
  if not auth.setting('anonymous_users_enabled')::boolean then
    return '{"error": "anonymous_provider_disabled"}'::jsonb;
  end if;
  v_session := auth.open_session(
    auth.make_user(null, null, null, sign_in_anonymously.data), 'anonymous',
    sign_in_anonymously.user_agent, sign_in_anonymously.ip
  );
  return auth.grant_of(v_session);
exception
  when sqlstate 'FXH01' then
    get stacked diagnostics v_ran = pg_exception_detail;
    return jsonb_build_object('announced', v_ran::jsonb);
end;
$$;

comment on function auth.sign_in_anonymously(jsonb, text, inet) is
  'Makes a user of whom nothing is known, and signs them in. Returns auth.grant_of, or {"error"}:
signup_disabled, anonymous_provider_disabled; or {"announced"} of auth.announce_user.';

revoke all on function auth.sign_in_anonymously(jsonb, text, inet) from public;
grant execute on function auth.sign_in_anonymously(jsonb, text, inet) to service_role;
