select plan(4);

set local role service_role;
select results_eq(
  $$ select k.versions, k.invocations, k.logs from functions.kept() as k $$,
  $$ values (10, interval '14 days', interval '7 days') $$,
  'what holds if nobody has said anything'
);
select functions.keep(3);
select is(k.versions, 3, 'and what was said') from functions.kept() as k;

set local role authenticated;
select throws_ok($$ select functions.kept() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.kept() $$, '42501', null, 'not for anon');

select * from finish();
