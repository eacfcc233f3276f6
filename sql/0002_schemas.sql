create schema auth authorization fluxbase_admin;

comment on schema auth is
  'Fluxbase: who is asking, users and sessions. Policies call auth.uid(), auth.role(),
auth.email() and auth.jwt().';

-- Names only. Policies and functions of any role may ask auth.uid().
grant usage on schema auth to public;

-- Made a moment ago to count the migrations, before there was a role to own it.
alter schema fluxbase owner to fluxbase_admin;
alter table fluxbase.schema_version owner to fluxbase_admin;

comment on schema fluxbase is
  'Fluxbase: bookkeeping of its own installation.';

-- What we make is for nobody until its file grants it. Without "in schema": with it
-- Postgres would keep the built-in grant to PUBLIC.
alter default privileges for role fluxbase_admin
  revoke execute on functions from public;

-- As in Supabase, tables that the migrating role makes in public from now on are
-- open to the API roles, and row level security decides about rows: a new table
-- WITHOUT row level security is readable and writable by anyone (fluxbase doctor
-- names such tables). What exists keeps the grants that it has. Truncate is left
-- out for users, because row level security does not hold it.
do $$
begin
  if to_regnamespace('public') is null then
    return;
  end if;

  grant usage on schema public to anon, authenticated, service_role;
  alter default privileges in schema public
    grant select, insert, update, delete on tables to anon, authenticated;
  alter default privileges in schema public
    grant all on tables to service_role;
  alter default privileges in schema public
    grant all on sequences to anon, authenticated, service_role;
  alter default privileges in schema public
    grant execute on functions to anon, authenticated, service_role;
end;
$$;

---- create above / drop below ----

do $$
begin
  if to_regnamespace('public') is null then
    return;
  end if;

  alter default privileges in schema public
    revoke all on tables from anon, authenticated, service_role;
  alter default privileges in schema public
    revoke all on sequences from anon, authenticated, service_role;
  alter default privileges in schema public
    revoke execute on functions from anon, authenticated, service_role;
  revoke usage on schema public from anon, authenticated, service_role;
end;
$$;

alter default privileges for role fluxbase_admin
  grant execute on functions to public;

-- Takes policies that ask auth.uid() with it; their tables then deny everything.
drop schema auth cascade;
