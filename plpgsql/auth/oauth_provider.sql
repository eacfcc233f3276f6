create or replace function auth.oauth_provider(name text)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select to_jsonb(p)
      from auth.oauth_providers as p
      where p.name = oauth_provider.name
      and p.enabled
    ),
    '{"error": "provider_disabled"}'
  );
$$;

comment on function auth.oauth_provider(text) is
  'What a process needs to talk to a provider: its row of auth.oauth_providers, or {"error"}:
provider_disabled, also if there is none.';

revoke all on function auth.oauth_provider(text) from public;
grant execute on function auth.oauth_provider(text) to service_role;
