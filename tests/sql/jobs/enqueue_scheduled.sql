select plan(4);

select jobs.schedule(
  'daily', '@daily', 'report', '{"of": "day"}', queue => 'slow', namespace => 'scheduled',
  priority => 4, max_attempts => 3, timeout => '1 min', concurrency_key => 'daily'
);
create temp table made as
select jobs.enqueue_scheduled(s, '2026-03-01 01:02:03Z', 'a') as id
from jobs.schedules as s
where s.name = 'daily';

select results_eq(
  $$
    select j.kind, j.args, j.queue, j.namespace, j.priority, j.max_attempts, j.meta
    from made as m
    join jobs.jobs as j on j.id = m.id
  $$,
  $$
    values (
      'report', '{"of": "day"}'::jsonb, 'slow', 'scheduled', 4::smallint, 3::smallint,
      jsonb_build_object(
        'timeout', 60, 'key', 'daily',
        'schedule', jsonb_build_object('name', 'daily', 'at', '2026-03-01T01:02:03Z')
      )
    )
  $$,
  'a job as the schedule says, which knows for when it is'
);
select results_eq(
  $$
    select jobs.enqueue_scheduled(s, '2026-03-01 01:02:03Z', 'a')
    from jobs.schedules as s
    where s.name = 'daily'
  $$,
  $$ select m.id from made as m $$,
  'one for each key'
);
select is(
  (
    select j.meta
    from jobs.enqueue('report') as e (id)
    join jobs.jobs as j on j.id = e.id
  ),
  null, 'another job of the same transaction is of no schedule'
);

set local role service_role;
select throws_ok(
  $$ select jobs.enqueue_scheduled(null, now(), null) $$, '42501', null,
  'a part of run_schedules and run_schedule alone'
);

select * from finish();
