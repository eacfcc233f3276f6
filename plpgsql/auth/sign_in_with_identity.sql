create or replace function auth.sign_in_with_identity(
  provider text,
  provider_id text,
  data jsonb,
  link_user_id uuid default null,
  flow jsonb default null,
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
  v_found jsonb;
  v_user uuid;
  v_banned_until timestamptz;
  v_session uuid;
  v_ran text;
begin
  -- Who brings the account may have followed a link of the user who asked for it. With a
  -- challenge it becomes theirs when they show the verifier.
  v_found := case
    when link_user_id is null then auth.user_of_identity(provider, provider_id, data)
    when flow is null then auth.link_identity(link_user_id, provider, provider_id, data)
    else jsonb_build_object('user_id', link_user_id)
  end;
  if v_found ? 'error' then
    return v_found;
  end if;
  v_user := (v_found ->> 'user_id')::uuid;

  if flow is null then
    v_session := auth.open_session(v_user, 'oauth', user_agent, ip);
    if v_session is not null then
      return auth.grant_of(v_session);
    end if;
  end if;

  select u.banned_until into v_banned_until
  from auth.users as u
  where u.id = v_user
  and u.deleted_at is null;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  elsif v_banned_until > clock_timestamp() then
    return '{"error": "user_banned"}'::jsonb;
  end if;

  insert into auth.flow_state (
    id, user_id, code_hash, code_challenge, code_challenge_method, provider_type,
    authentication_method, provider_access_token, provider_refresh_token, created_at, updated_at,
    auth_code_issued_at, expires_at, link_identity
  )
  values (
    auth.require_value(flow ->> 'id', 'id of the flow')::uuid, v_user,
    decode(flow ->> 'code_hash', 'hex'), flow ->> 'code_challenge',
    (flow ->> 'code_challenge_method')::auth.code_challenge_method, sign_in_with_identity.provider,
    'oauth', flow ->> 'provider_access_token', flow ->> 'provider_refresh_token',
    clock_timestamp(), clock_timestamp(), clock_timestamp(),
    clock_timestamp() + interval '5 minutes',
    case
      when link_user_id is not null then jsonb_build_object(
        'provider', sign_in_with_identity.provider,
        'provider_id', sign_in_with_identity.provider_id,
        'data', sign_in_with_identity.data
      )
    end
  );
  return jsonb_build_object('flow_id', flow ->> 'id');
exception
  when sqlstate 'FXH01' then
    get stacked diagnostics v_ran = pg_exception_detail;
    return jsonb_build_object('announced', v_ran::jsonb);
end;
$$;

comment on function auth.sign_in_with_identity(text, text, jsonb, uuid, jsonb, text, inet) is
  'Signs in who a provider has just said to be somebody, as auth.user_of_identity finds them, or as
link_user_id, whose the account becomes (auth.link_identity). Returns auth.grant_of; with flow,
{"flow_id"} of the row of auth.flow_state whose code is exchanged for a session, and with which an
account is linked no sooner:
{"id", "code_hash" (hexadecimal), "code_challenge", "code_challenge_method",
"provider_access_token", "provider_refresh_token", both sealed}; or {"error"} of those two, or
user_banned, user_not_found; or {"announced"} of auth.announce_user.';

revoke all on function auth.sign_in_with_identity(text, text, jsonb, uuid, jsonb, text, inet)
  from public;
grant execute on function auth.sign_in_with_identity(text, text, jsonb, uuid, jsonb, text, inet)
  to service_role;
