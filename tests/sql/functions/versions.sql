select plan(4);

set local role service_role;
select functions.deploy('versioned', '{"index.ts": "1"}');
select functions.deploy('versioned', '{"index.ts": "2"}');
select functions.rollback('versioned');
select results_eq(
  $$ select v.version, v.is_active from functions.versions('versioned') as v $$,
  $$ values (2, false), (1, true) $$,
  'the last one first'
);
select is_empty($$ select functions.versions('nothing') $$, 'of nothing none');

set local role authenticated;
select throws_ok($$ select functions.versions('versioned') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.versions('versioned') $$, '42501', null, 'not for anon');

select * from finish();
