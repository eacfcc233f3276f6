create or replace function realtime.passes_policies(rel oid, role oid)
  returns boolean
  language sql
  stable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  -- As row_security_active has it for the current role.
  select not c.relrowsecurity
    or r.rolsuper
    or r.rolbypassrls
    or not c.relforcerowsecurity and pg_has_role(r.oid, c.relowner, 'usage')
  from pg_class as c
  cross join pg_roles as r
  where c.oid = passes_policies.rel
  and r.oid = passes_policies.role
$$;

comment on function realtime.passes_policies(oid, oid) is
  'Whether no policies of a table hold for a role.';

revoke all on function realtime.passes_policies(oid, oid) from public;
grant execute on function realtime.passes_policies(oid, oid) to authenticator;
