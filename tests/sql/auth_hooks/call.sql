select plan(5);

create function public.who(event jsonb) returns jsonb language sql
as $$ select jsonb_build_object('as', current_user, 'got', event) $$;
create function public.unqualified(event json) returns json language sql
as $$ select '{}'::json from (select who('{}')) as w $$;
create function public.reads(event jsonb) returns jsonb language sql
as $$ select to_jsonb(count(*)) from auth.users $$;
grant usage on schema public to supabase_auth_admin;
grant execute on all functions in schema public to supabase_auth_admin;

set local role fluxbase_admin;
select is(
  auth_hooks.call('public.who(jsonb)'::regprocedure, '{"a": 1}'),
  '{"as": "supabase_auth_admin", "got": {"a": 1}}', 'a hook runs as its own role'
);
select is(
  auth_hooks.call('public.unqualified(json)'::regprocedure, '{}'), '{}',
  'with json too, and finds what is in public'
);
select is(current_setting('search_path') like '%public, extensions%', false, 'for itself alone');
select throws_ok(
  $$ select auth_hooks.call('public.reads(jsonb)'::regprocedure, '{}') $$, '42501', null,
  'it cannot read users'
);
reset role;

set local role service_role;
select throws_ok(
  $$ select auth_hooks.call('public.who(jsonb)'::regprocedure, '{}') $$, '42501', null,
  'nobody else calls it'
);

select * from finish();
