select plan(8);

select cardinality(jobs.enqueue_many('a', array_fill('{}'::jsonb, array[20000])));
select jobs.enqueue('a', queue => 'q');
set local role fluxbase_admin;
select results_eq(
  $$
  select d.ready, d.is_estimate, d.oldest_at <= clock_timestamp()
  from jobs.lane_depths(30000) as d
  order by d.lane
  $$,
  $$ values (20000::bigint, false, true), (1, false, true) $$,
  'counted'
);
-- How near it comes: TestDepthsBeyondTheBoundAreEstimated. Tests beside this one add rows to the
-- same pages.
select is(d.ready >= 1000 and d.is_estimate, true, 'more than are counted are estimated')
from jobs.lane_depths(1000) as d
where d.ready > 1;
select cardinality(jobs.enqueue_many('a', array_fill('{}'::jsonb, array[500]), queue => 'few'));
select is(
  (
    select d.ready >= 499 and d.is_estimate
    from jobs.lane_depths(499) as d
    order by d.lane desc
    limit 1
  ),
  true,
  'one that is just above is estimated to be so'
);
select is((select count(*) from jobs.lane_depths()), 3::bigint, 'a row for each lane');

select results_eq(
  $$ select d.ready, d.is_estimate from jobs.lane_depths(null) as d where d.ready > 500 $$,
  $$ values (20000::bigint, false) $$,
  'null counts all'
);
select throws_ok(
  $$ select jobs.lane_depths(-1) $$, '2201W', null, 'there is no counting to less than none'
);

set local role service_role;
select throws_ok($$ select jobs.lane_depths() $$, '42501', null, 'not for the service role');
set local role anon;
select throws_ok($$ select jobs.lane_depths() $$, '42501', null, 'not for anon');

select * from finish();
