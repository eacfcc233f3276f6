create or replace function auth.relying_party()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', auth.setting('webauthn_rp_id'),
    'name', auth.setting('webauthn_rp_name'),
    'origins', auth.setting('webauthn_origins'),
    'site_url', auth.setting('site_url')
  );
$$;

comment on function auth.relying_party() is
  'The settings that say to whom credentials of WebAuthn belong. For functions of ours; a process
fills what is empty from its public URL.';

revoke all on function auth.relying_party() from public;
