select plan(4);

set local role service_role;
select functions.deploy('defined', '{"a.js": "1"}', 'a.js', egress => '{}');
select functions.deploy('gone', '{"index.ts": "1"}');
select functions.delete('gone');
select results_eq(
  $$
  select d.version, d.entrypoint, d.verify_jwt, d.mode, d.wall_ms, d.egress, length(d.digest)
  from functions.definitions() as d
  where d.name = 'defined'
  $$,
  $$ values (1, 'a.js', true, 'per_worker', null::integer, '{}'::text[], 64) $$,
  'what is to be known'
);
select is_empty(
  $$ select from functions.definitions() as d where d.name = 'gone' $$, 'of those that are there'
);

set local role authenticated;
select throws_ok($$ select functions.definitions() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.definitions() $$, '42501', null, 'not for anon');

select * from finish();
