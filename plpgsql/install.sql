-- The table of contents of our database code. Order matters only where one
-- file's policy, view or SQL function names another's.

-- Someone else's long transaction should fail this deploy, not queue behind it.
set local lock_timeout = '5s';

-- A name without its schema fails here instead of meaning something else there.
set local search_path = pg_catalog, pg_temp;

set local role fluxbase_admin;

{{ template "retired.sql" . }}

-- "create or replace" keeps old grants, so a grant deleted from a file would live
-- on. Take them all back here; each file below gives its own again. Only from what
-- is ours: applications may have functions of their own in these schemas.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid
    from pg_proc as p
    where p.pronamespace = 'auth'::regnamespace
    and p.proowner = 'fluxbase_admin'::regrole
  loop
    execute format(
      'revoke all on routine %s from public, anon, authenticated, service_role',
      v_function
    );
  end loop;
end;
$$;

{{ template "auth/uid.sql" . }}
{{ template "auth/role.sql" . }}
{{ template "auth/email.sql" . }}
{{ template "auth/jwt.sql" . }}

reset role;
