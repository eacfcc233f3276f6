create or replace function auth.list_service_keys()
  returns table (
    id text,
    prefix text,
    name text,
    kind text,
    role text,
    state text,
    modules text[],
    schemas text[],
    read_only boolean,
    addresses cidr[],
    created_by text,
    created_at timestamptz,
    expires_at timestamptz,
    grace_ends_at timestamptz,
    revoked_at timestamptz,
    revoked_reason text,
    replaced_by text,
    last_used_at timestamptz,
    last_used_from inet
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    k.id, 'sb_' || k.kind || '_' || k.id, k.name, k.kind, k.role,
    case
      when k.revoked_at is not null then 'revoked'
      when least(k.expires_at, k.grace_ends_at) <= clock_timestamp() then 'expired'
      when k.deprecated_at is not null then 'deprecated'
      else 'active'
    end,
    k.modules, k.schemas, k.read_only, k.addresses, k.created_by, k.created_at, k.expires_at,
    k.grace_ends_at, k.revoked_at, k.revoked_reason, k.replaced_by, u.last_used_at,
    u.last_used_from
  from auth.service_keys as k
  left join auth.service_key_uses as u on u.key_id = k.id
  order by k.created_at, k.id;
$$;

comment on function auth.list_service_keys() is
  'All keys, as far as they may be seen: how each begins, its state (active, deprecated, expired,
revoked), what it is for, and when and from where it was last used, to the minute.';

revoke all on function auth.list_service_keys() from public;
grant execute on function auth.list_service_keys() to service_role;

drop policy if exists service_role_may_read on auth.service_key_revocations;
create policy service_role_may_read on auth.service_key_revocations
  for select to service_role
  using (true);
