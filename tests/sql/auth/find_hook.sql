select plan(8);

create function public.good(event jsonb) returns jsonb language sql return event;
create function public.other(event text) returns jsonb language sql return '{}'::jsonb;
create function public.many(event jsonb) returns setof jsonb language sql return event;
create function public.two(event jsonb, b integer) returns jsonb language sql return event;
revoke execute on all functions in schema public from public;
grant usage on schema public to supabase_auth_admin;
grant execute on all functions in schema public to supabase_auth_admin;

select is(
  auth.find_hook('pg-functions://postgres/public/good'), 'public.good(jsonb)'::regprocedure::oid,
  'a function of one jsonb'
);
select is(auth.find_hook('pg-functions://postgres/public/other'), null, 'not of a text');
select is(auth.find_hook('pg-functions://postgres/public/many'), null, 'not one of rows');
select is(auth.find_hook('pg-functions://postgres/public/two'), null, 'not one of two arguments');
select is(auth.find_hook('pg-functions://postgres/public/none'), null, 'not one that is not there');
select is(auth.find_hook('https://example.com/good'), null, 'not one elsewhere');
revoke execute on function public.good(jsonb) from supabase_auth_admin;
select is(
  auth.find_hook('pg-functions://postgres/public/good'), null, 'not one that may not be called'
);

set local role service_role;
select throws_ok($$ select auth.find_hook('') $$, '42501', null, 'for functions of ours');

select * from finish();
