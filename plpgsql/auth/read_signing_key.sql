create or replace function auth.read_signing_key()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'kid', k.kid,
    'alg', k.alg,
    'private_sealed', k.private_sealed,
    'algorithm', auth.setting('jwt_algorithm')
  )
  from (select) as one
  left join auth.signing_keys as k on k.state = 'current';
$$;

comment on function auth.read_signing_key() is
  'What a process needs to sign with: the current key, with its private half as it is sealed, nulls
if there is none, and the setting jwt_algorithm. For the processes.';

revoke all on function auth.read_signing_key() from public;
grant execute on function auth.read_signing_key() to service_role;
