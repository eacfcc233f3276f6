create or replace function auth.oauth_preset(name text)
  returns text
  language sql
  immutable
  parallel safe
  set search_path = pg_catalog, pg_temp
return case
  when oauth_preset.name in (
    'google', 'github', 'gitlab', 'apple', 'azure', 'discord', 'slack_oidc'
  ) then oauth_preset.name
  when oauth_preset.name = 'slack' then 'slack_oidc'
  when oauth_preset.name = 'microsoft' then 'azure'
  else 'oidc'
end;

comment on function auth.oauth_preset(text) is
  'Whose ways a provider of that name has: those of the known one, else those of any OpenID
provider (oidc).';

revoke all on function auth.oauth_preset(text) from public;
grant execute on function auth.oauth_preset(text) to service_role;
