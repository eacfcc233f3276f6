select plan(11);

set local role service_role;
select functions.deploy('rolled', '{"index.ts": "1"}', verify_jwt => false);
select throws_ok(
  $$ select functions.rollback('rolled') $$, 'P0002', null, 'nothing before the first'
);
select functions.deploy('rolled', '{"index.ts": "2"}');
select functions.deploy('rolled', '{"index.ts": "3"}', verify_jwt => true);

select is(functions.rollback('rolled'), 2, 'the one before');
select is(functions.rollback('rolled'), 1, 'and before that');
select is(functions.rollback('rolled', 3), 3, 'a given one');
select is(functions.rollback('rolled', 1), 1, 'as often as one likes');
select results_eq(
  $$ select l.version, l.verify_jwt from functions.list() as l where l.name = 'rolled' $$,
  $$ values (1, true) $$,
  'settings stay as they are'
);
select throws_ok(
  $$ select functions.rollback('rolled', 4) $$, 'P0002',
  'of the function "rolled" no version 4 is kept', 'no such version'
);
select is(functions.deploy('rolled', '{"index.ts": "3"}'), 4, 'the next deployment is a new one');
reset role;
select is(
  (
    select e.details from audit.events as e
    where e.target = 'rolled' and e.action = 'function.rolled_back'
    order by e.id
    limit 1
  ),
  '{"from": 3, "to": 2}', 'it is audited'
);

set local role authenticated;
select throws_ok($$ select functions.rollback('rolled') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.rollback('rolled') $$, '42501', null, 'not for anon');

select * from finish();
