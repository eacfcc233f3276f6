select plan(3);

set local role service_role;
select functions.set_secret('NAMED_B', 'fbs1.a.b');
select functions.set_secret('NAMED_A', 'fbs1.a.b');
select results_eq(
  $$ select n.name from functions.secret_names() as n $$, array['NAMED_A', 'NAMED_B'], 'the names'
);

set local role authenticated;
select throws_ok($$ select functions.secret_names() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.secret_names() $$, '42501', null, 'not for anon');

select * from finish();
