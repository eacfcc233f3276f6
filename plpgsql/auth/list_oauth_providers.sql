create or replace function auth.list_oauth_providers()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    jsonb_agg(
      to_jsonb(p) - 'client_secret_sealed'
        || jsonb_build_object('has_client_secret', p.client_secret_sealed is not null)
      order by p.name
    ),
    '[]'
  )
  from auth.oauth_providers as p;
$$;

comment on function auth.list_oauth_providers() is
  'Where else people may sign in: the rows of auth.oauth_providers without their secrets; whether
there is one says has_client_secret.';

revoke all on function auth.list_oauth_providers() from public;
grant execute on function auth.list_oauth_providers() to service_role;
