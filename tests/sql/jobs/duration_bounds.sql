select plan(3);

select is(cardinality(jobs.duration_bounds()), 21, 'so many bounds');
set local role authenticated;
select throws_ok($$ select jobs.duration_bounds() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.duration_bounds() $$, '42501', null, 'not for anon');

select * from finish();
