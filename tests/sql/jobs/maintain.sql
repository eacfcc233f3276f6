select plan(9);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
insert into jobs.tallies (at, lane, kind, outcome, jobs, seconds)
select date_trunc('minute', now()) + i * interval '10 s', m.lane, 'a', 'completed', i, i / 2.0
from made as m, generate_series(1, 3) as i;

set local role service_role;
select jobs.maintain();
select results_eq(
  $$ select t.minute, t.kind, t.outcome, t.jobs, t.seconds from jobs.totals as t $$,
  $$ values (date_trunc('minute', now()), 'a', 'completed', 6::bigint, 3::float8) $$,
  'counts of a minute are one'
);
select is_empty('select from jobs.tallies', 'what is counted is gone');
select jobs.maintain();
select is((select sum(t.jobs) from jobs.totals as t), 6::numeric, 'nothing counts twice');
create temporary table before as
select o.segment
from jobs.rotation as o;
select jobs.maintain(2147483647);
select is(o.segment, b.segment, 'a segment is used until it is full')
from jobs.rotation as o, before as b;
-- Sizes are those of all transactions, so that it turns is for TestSegmentsAreTruncated to see.
select lives_ok('select jobs.maintain(0)', 'then another is, if that is empty');
select lives_ok('select jobs.maintain(null)', 'null is no size');
select is(current_setting('enable_seqscan'), 'on', 'its settings are its own');

set local role authenticated;
select throws_ok('select jobs.maintain()', '42501', null, 'not for users');
set local role anon;
select throws_ok('select jobs.maintain()', '42501', null, 'not for anon');

select * from finish();
