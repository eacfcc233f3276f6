select plan(9);

set local role service_role;
select jobs.enqueue('k', concurrency_key => 'a') from generate_series(1, 3);
select jobs.promote();
select jobs.limit_key('a', 2);
select jobs.promote();
select is(
  (select count(*) from jobs.blocked as b where b.key = 'a'), 1::bigint, 'a higher limit lets in'
);
select jobs.limit_key('a');
select is_empty($$ select from jobs.limits $$, 'a limit is taken away');
select jobs.limit_key('a*', 5), jobs.limit_key('ab*', null, 3);
select results_eq(
  $$ select l.key, l.concurrency, l.rate, l.burst from jobs.limits as l order by l.key $$,
  $$ values ('a*', 5, null::float8, null::float8), ('ab*', null, 3, 1) $$, 'one at once by itself'
);
select jobs.promote();
select is_empty($$ select from jobs.blocked as b where b.key = 'a' $$, 'all that begin so');

select throws_ok($$ select jobs.limit_key('a', 0) $$, '23514', null, 'none at all');
select throws_ok($$ select jobs.limit_key('a', null, 'nan') $$, '23514', null, 'no number');
select throws_ok($$ select jobs.limit_key('', 1) $$, '23514', null, 'no key');
select throws_ok($$ select jobs.limit_key(null, 1) $$, '23502', null, 'null');

set local role authenticated;
select throws_ok($$ select jobs.limit_key('a', 1) $$, '42501', null, 'users may not');

select * from finish();
