select plan(5);

set local role fluxbase_admin;
create temporary table lane as
select jobs.lane('default', 'q' || n, 2) as id, n
from generate_series(1, 60) as n;
select jobs.record(array_agg(row(
  0, '2026-01-01 00:00:07', l.id, 'a', o.outcome, l.n, o.seconds * l.n
)::jobs.tallies))
from lane as l
cross join (values ('completed', 0.3), ('failed', 0), ('dead', 0)) as o (outcome, seconds);
select is(
  row(h.completed, h.failed, h.died, h.durations[8:10]),
  row(1830::bigint, 1830::bigint, 1830::bigint, '{0,1830,0}'::bigint[]),
  'all together'
)
from jobs.history as h
where h.queue = ''
and h.at = '2026-01-01';
select is(count(*), 50::bigint, 'fifty queues') from jobs.history as h where h.queue <> '';
select is(h.completed, 60::bigint, 'those with the most to do')
from jobs.history as h
where h.queue = 'q60';

set local role service_role;
select throws_ok($$ select jobs.record(null) $$, '42501', null, 'not for the service role');
set local role anon;
select throws_ok($$ select jobs.record(null) $$, '42501', null, 'not for anon');

select * from finish();
