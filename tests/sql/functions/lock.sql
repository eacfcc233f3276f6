select plan(4);

select functions.deploy('locked', '{"index.ts": "1"}');
select is((functions.lock('locked')).active, 1, 'the row');
select functions.delete('locked');
select throws_ok(
  $$
  select functions.lock('locked')
  $$, 'P0002', 'there is no function "locked"', 'one that is deleted'
);
select throws_ok($$ select functions.lock(null) $$, 'P0002', null, 'none');

set local role service_role;
select throws_ok(
  $$ select functions.lock('locked') $$, '42501', null, 'for functions of ours alone'
);

select * from finish();
