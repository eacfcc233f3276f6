create or replace function auth.find_hook(uri text)
  returns oid
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select p.oid
  from (
    select regexp_match(find_hook.uri, '^pg-functions://[^/]+/([^/]+)/([^/]+)$') as names
  ) as u
  join pg_namespace as n on n.nspname = u.names[1]
  join pg_proc as p on p.pronamespace = n.oid and p.proname = u.names[2]
  where p.prokind = 'f'
  and not p.proretset
  and p.pronargs = 1
  and p.proargtypes[0] in ('jsonb'::regtype, 'json'::regtype)
  and p.prorettype in ('jsonb'::regtype, 'json'::regtype)
  and has_schema_privilege('supabase_auth_admin', n.oid, 'usage')
  and has_function_privilege('supabase_auth_admin', p.oid, 'execute')
  order by p.proargtypes[0] = 'jsonb'::regtype desc
  limit 1;
$$;

comment on function auth.find_hook(text) is
  'The function that pg-functions://postgres/SCHEMA/FUNCTION names: one that takes and returns one
jsonb (or json) and that supabase_auth_admin may execute. Null if there is none.';

revoke all on function auth.find_hook(text) from public;
