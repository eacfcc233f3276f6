select plan(4);

set local role service_role;
select lives_ok($$ select functions.maintain() $$, 'it runs');
select ok(
  to_regclass(to_char(now() at time zone 'UTC', '"functions.logs_"YYYY_MM_DD')) is not null,
  'and there are partitions'
);

set local role authenticated;
select throws_ok($$ select functions.maintain() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.maintain() $$, '42501', null, 'not for anon');

select * from finish();
