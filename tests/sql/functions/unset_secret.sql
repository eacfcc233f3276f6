select plan(7);

set local role service_role;
select functions.set_secret('UNSET_ONE', 'fbs1.a.b');
select is(functions.unset_secret('UNSET_ONE'), true, 'it goes');
select is(functions.unset_secret('UNSET_ONE'), false, 'once');
select is((functions.read_secrets() ->> 'version')::integer, 2, 'that is a version, too');
select is_empty($$ select from functions.secret_names() $$, 'it is gone');
reset role;
select isnt_empty(
  $$
  select from audit.events as e
  where e.target = 'UNSET_ONE' and e.action = 'function_secret.unset'
  $$,
  'it is audited'
);

set local role authenticated;
select throws_ok($$ select functions.unset_secret('A') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.unset_secret('A') $$, '42501', null, 'not for anon');

select * from finish();
