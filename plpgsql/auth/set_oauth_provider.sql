create or replace function auth.set_oauth_provider(name text, changes jsonb default '{}')
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old auth.oauth_providers;
  v_new auth.oauth_providers;
  v_changes jsonb := jsonb_strip_nulls(set_oauth_provider.changes);
  v_unknown text;
begin
  select string_agg(k.key, ', ') into v_unknown
  from jsonb_object_keys(set_oauth_provider.changes) as k (key)
  where k.key not in (
    'preset', 'enabled', 'client_id', 'client_secret_sealed', 'additional_client_ids', 'scopes',
    'issuer', 'authorization_url', 'token_url', 'userinfo_url', 'team_id', 'key_id',
    'skip_nonce_check', 'email_optional', 'trust_email'
  );
  if v_unknown is not null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('a provider has no %s', v_unknown);
  end if;
  if v_changes ->> 'client_secret_sealed' not like 'fbs1.%' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the secret is not sealed, and was not stored',
      hint = 'fluxbase auth providers set seals it.';
  end if;

  -- Two who change one provider at once come one after the other.
  perform pg_advisory_xact_lock(hashtextextended('auth.oauth_providers', 0));
  select p.* into v_old
  from auth.oauth_providers as p
  where p.name = set_oauth_provider.name;

  -- What is null goes back to the default.
  v_new := jsonb_populate_record(
    null::auth.oauth_providers,
    (to_jsonb(v_old) - array(select jsonb_object_keys(set_oauth_provider.changes))) || v_changes
  );
  insert into auth.oauth_providers as p (
    name, preset, enabled, client_id, client_secret_sealed, additional_client_ids, scopes, issuer,
    authorization_url, token_url, userinfo_url, team_id, key_id, skip_nonce_check, email_optional,
    trust_email
  )
  values (
    auth.require_value(set_oauth_provider.name, 'name'),
    coalesce(v_new.preset, auth.oauth_preset(set_oauth_provider.name)),
    coalesce(v_new.enabled, true),
    coalesce(v_new.client_id, ''),
    v_new.client_secret_sealed,
    coalesce(v_new.additional_client_ids, '{}'),
    coalesce(v_new.scopes, '{}'),
    v_new.issuer, v_new.authorization_url, v_new.token_url, v_new.userinfo_url,
    v_new.team_id, v_new.key_id,
    coalesce(v_new.skip_nonce_check, false),
    coalesce(v_new.email_optional, false),
    coalesce(v_new.trust_email, false)
  )
  on conflict on constraint oauth_providers_pkey do update
  set preset = excluded.preset,
      enabled = excluded.enabled,
      client_id = excluded.client_id,
      client_secret_sealed = excluded.client_secret_sealed,
      additional_client_ids = excluded.additional_client_ids,
      scopes = excluded.scopes,
      issuer = excluded.issuer,
      authorization_url = excluded.authorization_url,
      token_url = excluded.token_url,
      userinfo_url = excluded.userinfo_url,
      team_id = excluded.team_id,
      key_id = excluded.key_id,
      skip_nonce_check = excluded.skip_nonce_check,
      email_optional = excluded.email_optional,
      trust_email = excluded.trust_email,
      updated_at = clock_timestamp();

  perform audit.record(
    'oauth_provider.set', set_oauth_provider.name,
    v_changes - 'client_secret_sealed'
      || case
        when v_changes ? 'client_secret_sealed' then '{"client_secret": "changed"}'
        else '{}'
      end::jsonb
  );
  return (
    select l.value
    from jsonb_array_elements(auth.list_oauth_providers()) as l (value)
    where l.value ->> 'name' = set_oauth_provider.name
  );
end;
$$;

comment on function auth.set_oauth_provider(text, jsonb) is
  'Adds a provider, or changes what is named of it: {"client_id", "enabled", "issuer", ...}, the
columns of auth.oauth_providers; null is the default again. The preset follows from the name if it
is that of one, and is oidc else. Returns it without its secret. Raises 22023 for what a provider
has not and for a secret that is not sealed, 23514 for what none can be.';

revoke all on function auth.set_oauth_provider(text, jsonb) from public;
grant execute on function auth.set_oauth_provider(text, jsonb) to service_role;
