create or replace function auth.read_service_keys()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'keys', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', k.id,
        'hash', encode(k.hash, 'hex'),
        'role', k.role,
        'publishable', k.kind = 'publishable',
        'modules', k.modules,
        'schemas', k.schemas,
        'read_only', k.read_only,
        'addresses', k.addresses,
        'ends_at', floor(extract(epoch from least(k.expires_at, k.grace_ends_at)) * 1000)::bigint,
        'revoked', k.revoked_at is not null
      )), '[]')
      from auth.service_keys as k
      -- Who still uses one that ended long ago is told no more than of any wrong one.
      where coalesce(k.revoked_at, least(k.expires_at, k.grace_ends_at), 'infinity')
        > now() - interval '30 days'
    ),
    'issued_before', (
      select ceil(extract(epoch from max(r.issued_before)))::bigint
      from auth.legacy_key_revocations as r
    ),
    'jtis', (
      select coalesce(jsonb_agg(distinct r.jti), '[]')
      from auth.legacy_key_revocations as r
      where r.jti is not null
    ),
    'hashes', (
      select coalesce(jsonb_agg(distinct encode(r.token_hash, 'hex')), '[]')
      from auth.legacy_key_revocations as r
      where r.token_hash is not null
    )
  );
$$;

comment on function auth.read_service_keys() is
  'What a process needs to check keys with. For the processes.';

revoke all on function auth.read_service_keys() from public;
grant execute on function auth.read_service_keys() to fluxbase_replication, authenticator;
