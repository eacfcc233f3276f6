select plan(6);

set local role service_role;
select functions.deploy('configured', '{"index.ts": "1"}');
select functions.configure('configured', '{"verify_jwt": false, "cpu_ms": 100}');
select functions.configure('configured', '{"cpu_ms": 100}');
select results_eq(
  $$
  select l.verify_jwt, l.cpu_ms, l.version from functions.list() as l where l.name = 'configured'
  $$,
  $$ values (false, 100, 1) $$,
  'what is named changes'
);
select throws_ok(
  $$ select functions.configure('nothing', '{}') $$, 'P0002', null, 'there is none'
);
select throws_ok(
  $$ select functions.configure('configured', '{"name": "x"}') $$, '22023', null, 'no setting'
);
reset role;
select results_eq(
  $$
  select e.details from audit.events as e
  where e.target = 'configured' and e.action = 'function.configured'
  $$,
  $$ values ('{"settings": {"verify_jwt": false, "cpu_ms": 100}}'::jsonb) $$,
  'what changed is audited'
);

set local role authenticated;
select throws_ok(
  $$ select functions.configure('configured', '{}') $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select functions.configure('configured', '{}') $$, '42501', null, 'not for anon'
);

select * from finish();
