create or replace function auth.take_oauth_state(state_hash bytea)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state auth.oauth_states;
begin
  -- Of those who come at once with one state, the others wait here and then find nothing.
  delete from auth.oauth_states as s
  where s.state_hash = take_oauth_state.state_hash
  returning s.* into v_state;

  if not found or v_state.expires_at <= clock_timestamp() then
    return '{"error": "bad_oauth_state"}'::jsonb;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'redirect_to', v_state.redirect_to,
    'verifier_sealed', v_state.verifier_sealed,
    'nonce', v_state.nonce,
    'browser_hash', encode(v_state.browser_hash, 'hex'),
    'code_challenge', v_state.code_challenge,
    'code_challenge_method', v_state.code_challenge_method,
    'link_user_id', v_state.link_user_id,
    'bind_browser', auth.setting('oauth_bind_browser')
  )) || jsonb_build_object('provider', auth.oauth_provider(v_state.provider));
end;
$$;

comment on function auth.take_oauth_state(bytea) is
  'Gives what auth.create_oauth_state was given, with auth.oauth_provider as "provider", once. Else
{"error": "bad_oauth_state"}: never made, used, or expired.';

revoke all on function auth.take_oauth_state(bytea) from public;
grant execute on function auth.take_oauth_state(bytea) to service_role;
