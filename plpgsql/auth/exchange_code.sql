create or replace function auth.exchange_code(
  code_hash bytea,
  verifier text,
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
  v_now timestamptz;
  v_flow auth.flow_state;
  v_session uuid;
  v_grant jsonb;
  v_linked jsonb;
begin
  perform auth.lock_identity(f.link_identity ->> 'provider', f.link_identity ->> 'provider_id')
  from auth.flow_state as f
  where f.code_hash = exchange_code.code_hash
  and f.link_identity is not null;

  -- The user first, as everywhere. Who comes second waits for the first, and finds it used.
  perform
  from auth.users as u
  where u.id = (
    select f.user_id
    from auth.flow_state as f
    where f.code_hash = exchange_code.code_hash
  )
  for no key update;

  select f.* into v_flow
  from auth.flow_state as f
  where f.code_hash = exchange_code.code_hash
  for update;
  v_now := clock_timestamp();

  if not found or v_flow.user_id is null then
    return '{"error": "flow_state_not_found"}'::jsonb;
  end if;
  if v_flow.used_at is not null then
    perform audit.record(
      'auth_code.reused', v_flow.user_id::text, jsonb_build_object('flow', v_flow.id)
    );
    return '{"error": "flow_state_already_used"}'::jsonb;
  end if;
  if v_flow.expires_at <= v_now then
    return '{"error": "flow_state_expired"}'::jsonb;
  end if;

  -- RFC 7636, section 4.6.
  if exchange_code.verifier is null
  or v_flow.code_challenge is distinct from (case v_flow.code_challenge_method
    when 's256' then translate(
      encode(sha256(convert_to(exchange_code.verifier, 'UTF8')), 'base64'), '+/=', '-_'
    )
    when 'plain' then exchange_code.verifier
  end) then
    perform audit.record(
      'auth_code.wrong_verifier', v_flow.user_id::text, jsonb_build_object('flow', v_flow.id)
    );
    return '{"error": "bad_code_verifier"}'::jsonb;
  end if;

  update auth.flow_state as f
  set used_at = v_now,
      updated_at = v_now,
      provider_access_token = null,
      provider_refresh_token = null,
      link_identity = null
  where f.id = v_flow.id;

  if v_flow.link_identity is not null then
    v_linked := auth.link_identity(
      v_flow.user_id, v_flow.link_identity ->> 'provider', v_flow.link_identity ->> 'provider_id',
      v_flow.link_identity -> 'data'
    );
    if v_linked ? 'error' then
      return v_linked;
    end if;
  end if;

  v_session := auth.open_session(
    v_flow.user_id, v_flow.authentication_method, exchange_code.user_agent, exchange_code.ip
  );
  v_grant := auth.grant_of(v_session);
  if v_grant is null then
    return '{"error": "user_banned"}'::jsonb;
  end if;
  return v_grant || jsonb_strip_nulls(jsonb_build_object(
    'flow', v_flow.id,
    'provider_access_token', v_flow.provider_access_token,
    'provider_refresh_token', v_flow.provider_refresh_token
  ));
end;
$$;

comment on function auth.exchange_code(bytea, text, text, inet) is
  'Ends a PKCE flow: signs in who shows the code that it gave out, by its SHA-256, and the
verifier of the challenge that it began with. The code is good once. Returns auth.grant_of with
"flow", and with "provider_access_token" and "provider_refresh_token" as they were sealed, which
are kept no longer; or {"error"}: flow_state_not_found, flow_state_already_used,
flow_state_expired, bad_code_verifier, user_banned, and those of auth.link_identity.';

revoke all on function auth.exchange_code(bytea, text, text, inet) from public;
grant execute on function auth.exchange_code(bytea, text, text, inet) to service_role;
