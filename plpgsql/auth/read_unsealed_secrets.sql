create or replace function auth.read_unsealed_secrets(batch integer default 500)
  returns table (id uuid, secret text)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select f.id, f.secret
  from auth.mfa_factors as f
  where f.secret <> ''
  and not starts_with(f.secret, 'fbs1.')
  order by f.id
  limit read_unsealed_secrets.batch;
$$;

comment on function auth.read_unsealed_secrets(integer) is
  'Secrets of second factors that came in plaintext, by an import. For processes, which seal them
(auth.seal_secret).';

revoke all on function auth.read_unsealed_secrets(integer) from public;
grant execute on function auth.read_unsealed_secrets(integer) to service_role;
