create or replace function auth.public_settings()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'external', jsonb_build_object(
      'anonymous_users', auth.setting('anonymous_users_enabled'),
      'email', auth.setting('email_enabled'),
      'phone', auth.setting('phone_enabled')
    )
    || (
      select jsonb_object_agg(n.name, coalesce(p.enabled, false))
      from unnest(array[
        'google', 'github', 'gitlab', 'apple', 'azure', 'discord', 'slack_oidc'
      ]) as n (name)
      left join auth.oauth_providers as p on p.name = n.name
    )
    || coalesce((
      select jsonb_object_agg(p.name, p.enabled)
      from auth.oauth_providers as p
    ), '{}'),
    'disable_signup', auth.setting('disable_signup'),
    'mailer_autoconfirm', auth.setting('mailer_autoconfirm'),
    'phone_autoconfirm', auth.setting('phone_autoconfirm'),
    'sms_provider', '',
    'saml_enabled', false,
    'saml_private_key_next_configured', false,
    'passkeys_enabled', auth.setting('passkeys_enabled')
  );
$$;

comment on function auth.public_settings() is
  'What a sign-in page should offer, as clients of auth know it: who may see it is everybody.';

revoke all on function auth.public_settings() from public;
grant execute on function auth.public_settings() to service_role;
