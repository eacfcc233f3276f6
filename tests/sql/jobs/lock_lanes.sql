select plan(10);

create temporary table made as
select jobs.lane('n', 'q', 5) as later, jobs.lane('n', 'q', 1) as sooner,
  jobs.lane('n', 'p', 3) as other;

select is(jobs.lock_lanes('n', null), array[m.sooner, m.other, m.later], 'the most urgent first')
from made as m;
select is(
  (select count(*)
   from pg_locks as l
   where l.locktype = 'advisory'
   and l.classid = 7707
   and l.pid = pg_backend_pid()),
  3::bigint, 'each is locked'
);
select is(jobs.lock_lanes('n', '{q}'), array[m.sooner, m.later], 'of some queues') from made as m;
select is(jobs.lock_lanes('n', '{p,p}'), array[m.other], 'of one') from made as m;
select is(jobs.lock_lanes('n', '{}'), '{}', 'of none');
select is(jobs.lock_lanes('none', null), '{}', 'of no namespace');

-- Waiting makes urgent: two minutes are two priorities.
select jobs.add_ready(array[
  row(-1, now(), now() - interval '3.5 min', null, m.other, 0, 1, false, 'a', '1', null)
    ::jobs.waiting
])
from made as m;
select is(jobs.lock_lanes('n', null), array[m.other, m.sooner, m.later], 'old ones become urgent')
from made as m;
insert into jobs.queues (namespace, queue, aging)
values ('n', 'p', '1 hour');
select is(
  jobs.lock_lanes('n', null), array[m.sooner, m.other, m.later], 'as fast as the queue says'
)
from made as m;
select jobs.pause('q', 'n');
select is(jobs.lock_lanes('n', null), array[m.other], 'paused ones are left out') from made as m;

set local role service_role;
select throws_ok($$ select jobs.lock_lanes('n', null) $$, '42501', null, 'not for callers');

select * from finish();
