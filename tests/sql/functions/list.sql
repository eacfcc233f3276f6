select plan(3);

set local role service_role;
select functions.deploy('listed', '{"index.ts": "1"}');
select functions.deploy(
  'listed', '{"index.ts": "23"}', limits => '{"concurrency": 1}', note => 'n'
);
select results_eq(
  $$
  select
    l.version, l.verify_jwt, l.mode, l.concurrency, l.entrypoint, l.files, l.bytes, l.note,
    l.deployed_by is not null
  from functions.list() as l
  where l.name = 'listed'
  $$,
  $$ values (2, true, 'per_worker', 1, 'index.ts', 1, 2::bigint, 'n', true) $$,
  'the active version'
);

set local role authenticated;
select throws_ok($$ select functions.list() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.list() $$, '42501', null, 'not for anon');

select * from finish();
