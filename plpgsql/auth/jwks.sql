create or replace function auth.jwks()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'keys', coalesce(jsonb_agg(k.public_jwk order by k.created_at desc, k.kid), '[]')
  )
  from auth.signing_keys as k
  where k.state in ('next', 'current', 'retired');
$$;

comment on function auth.jwks() is
  'The public keys that access tokens are verified with, as a JWK set (RFC 7517): those that are
next, current and retired. What /auth/v1/.well-known/jwks.json answers.';

revoke all on function auth.jwks() from public;
grant execute on function auth.jwks() to service_role, fluxbase_replication, authenticator;
