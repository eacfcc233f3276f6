create or replace function auth.create_oauth_state(provider text, state_hash bytea, details jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_provider constant jsonb := auth.oauth_provider(create_oauth_state.provider);
  v_user jsonb;
begin
  if v_provider ? 'error' then
    return v_provider;
  end if;

  if details ? 'link_user_id' then
    if not auth.setting('manual_linking_enabled')::boolean then
      return '{"error": "manual_linking_disabled"}'::jsonb;
    end if;
    v_user := auth.user_of_session(
      (details ->> 'link_session_id')::uuid, (details ->> 'link_user_id')::uuid
    );
    if not v_user ? 'error' then
      v_user := coalesce(auth.require_aal(
        (details ->> 'link_session_id')::uuid, 'mfa_require_aal2_for_user_changes'
      ), v_user);
    end if;
    if v_user ? 'error' then
      return v_user;
    end if;
  end if;

  insert into auth.oauth_states (
    state_hash, provider, redirect_to, verifier_sealed, nonce, browser_hash, code_challenge,
    code_challenge_method, link_user_id
  )
  values (
    auth.require_value(create_oauth_state.state_hash, 'state_hash'),
    create_oauth_state.provider,
    auth.require_value(details ->> 'redirect_to', 'redirect_to'),
    auth.require_value(details ->> 'verifier_sealed', 'verifier_sealed'),
    auth.require_value(details ->> 'nonce', 'nonce'),
    decode(details ->> 'browser_hash', 'hex'),
    details ->> 'code_challenge', (details ->> 'code_challenge_method')::auth.code_challenge_method,
    (details ->> 'link_user_id')::uuid
  );
  return v_provider;
end;
$$;

comment on function auth.create_oauth_state(text, bytea, jsonb) is
  'Remembers for 10 minutes that somebody is sent to a provider: SHA-256 of the state, and
{"redirect_to", "verifier_sealed", "nonce", "browser_hash" (hexadecimal), "code_challenge",
"code_challenge_method", "link_user_id", "link_session_id"}, the last five as there are. Returns
auth.oauth_provider, or {"error"}: provider_disabled, manual_linking_disabled, session_not_found,
user_not_found, and those of auth.require_aal.';

revoke all on function auth.create_oauth_state(text, bytea, jsonb) from public;
grant execute on function auth.create_oauth_state(text, bytea, jsonb) to service_role;
