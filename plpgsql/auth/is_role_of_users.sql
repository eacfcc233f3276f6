create or replace function auth.is_role_of_users(role text)
  returns boolean
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from pg_roles as r
    where r.rolname = is_role_of_users.role
    and not r.rolsuper
    and not r.rolbypassrls
    and not r.rolcreaterole
    and not r.rolcanlogin
    and not exists (
      select
      from pg_roles as o
      where o.rolname in ('service_role', 'fluxbase_admin')
      and pg_has_role(r.oid, o.oid, 'member')
    )
  );
$$;

comment on function auth.is_role_of_users(text) is
  'Whether requests of users may run as a role: one that is there, is no login, and passes neither
row level security nor over to the service role.';

revoke all on function auth.is_role_of_users(text) from public;
