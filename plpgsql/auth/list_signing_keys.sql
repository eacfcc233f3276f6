create or replace function auth.list_signing_keys()
  returns table (
    kid text,
    alg text,
    state text,
    created_by text,
    created_at timestamptz,
    activated_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz,
    revoked_reason text
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    k.kid, k.alg, k.state, k.created_by, k.created_at, k.activated_at, k.retired_at, k.revoked_at,
    k.revoked_reason
  from auth.signing_keys as k
  order by k.created_at, k.kid;
$$;

comment on function auth.list_signing_keys() is
  'All keys that sign, or signed, access tokens, with their state: next, current, retired or
revoked. Nothing of their private halves.';

revoke all on function auth.list_signing_keys() from public;
grant execute on function auth.list_signing_keys() to service_role;
