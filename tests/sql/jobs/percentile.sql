select plan(7);

-- 100 between 1 and 2 ms, 100 above 5,000 s.
create temporary table counted as
select '{0,100,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,100}'::bigint[] as durations;
select is(jobs.percentile(durations, 0.25), 0.0015::double precision, 'within a bucket')
from counted;
select is(jobs.percentile(durations, 0.5), 0.002::double precision, 'at its end') from counted;
select is(jobs.percentile(durations, 0.99), 5000::double precision, 'above all') from counted;
select is(jobs.percentile('{}', 0.5), null, 'of none');
select is(jobs.percentile('{4}', 0.5), 0.0005::double precision, 'below all');

set local role authenticated;
select throws_ok($$ select jobs.percentile('{}', 0) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.percentile('{}', 0) $$, '42501', null, 'not for anon');

select * from finish();
