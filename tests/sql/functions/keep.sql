select plan(7);

set local role service_role;
select functions.keep(5, '20 days');
select functions.keep(logs => '2 days');
select results_eq(
  $$ select k.versions, k.invocations, k.logs from functions.kept() as k $$,
  $$ values (5, interval '20 days', interval '2 days') $$,
  'what is not said stays'
);
select throws_ok($$ select functions.keep(0) $$, '23514', null, 'one version at least');
select throws_ok($$ select functions.keep(logs => '1 hour') $$, '23514', null, 'one day at least');
select throws_ok(
  $$ select functions.keep(invocations => '2 years') $$, '23514', null, 'not for ever'
);
reset role;
select is(
  (
    select e.details from audit.events as e
    where e.action = 'functions.kept'
    order by e.id desc
    limit 1
  ),
  '{"versions": 5, "invocations": "20 days", "logs": "2 days"}', 'it is audited'
);

set local role authenticated;
select throws_ok($$ select functions.keep(5) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.keep(5) $$, '42501', null, 'not for anon');

select * from finish();
