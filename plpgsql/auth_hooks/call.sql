-- It belongs to the role that hooks run as: what runs in it has the rights of that role alone.
set local role supabase_auth_admin;

create or replace function auth_hooks.call(hook oid, payload jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_call text;
  v_answer jsonb;
begin
  select
    format(
      'select (%I.%I($1::%s))::jsonb', n.nspname, p.proname, format_type(p.proargtypes[0], null)
    )
    into strict v_call
  from pg_proc as p
  join pg_namespace as n on n.oid = p.pronamespace
  where p.oid = call.hook;
  -- Hooks are written like all functions of an application, for its search path. It ends here.
  perform set_config('search_path', 'public, extensions, pg_temp', true);
  execute v_call into v_answer using call.payload;
  return v_answer;
end;
$$;

comment on function auth_hooks.call(oid, jsonb) is
  'Calls a hook of auth with the rights of supabase_auth_admin and none of ours. Of auth.run_hook.';

revoke all on function auth_hooks.call(oid, jsonb) from public;
grant execute on function auth_hooks.call(oid, jsonb) to fluxbase_admin;

set local role fluxbase_admin;
