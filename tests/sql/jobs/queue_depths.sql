select plan(4);

set local role service_role;
select jobs.enqueue_many('a', array_fill('{}'::jsonb, array[3]));
select jobs.enqueue('a', priority => 1), jobs.enqueue('a', run_at => 'tomorrow'),
  jobs.enqueue('a', concurrency_key => 'k'), jobs.enqueue('a', queue => 'q', namespace => 'n');
reset role;
insert into jobs.dead (id, enqueued_at, lane, attempt, max_attempts, kind, args)
select 1000, now(), l.id, 1, 1, 'a', '{}'
from jobs.lanes as l
where l.priority = 1;
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
select gen_random_uuid(), l.id, 'a', 3, '{[1,4)}', '{[1,2)}', false, now()
from jobs.lanes as l
where l.priority = 1;

set local role service_role;
select results_eq(
  $$
  select d.namespace, d.queue, d.ready, d.ready_is_estimate, d.running, d.scheduled, d.blocked,
    d.dead
  from jobs.queue_depths() as d
  order by d.namespace
  $$,
  $$
  values ('default', 'default', 4::bigint, false, 2::bigint, 1::bigint, 1::bigint, 1::bigint),
    ('n', 'q', 1, false, 0, 0, 0, 0)
  $$,
  'what there is, by queue'
);
select is(bool_and(d.oldest_at <= clock_timestamp()), true, 'since when')
from jobs.queue_depths() as d;

set local role authenticated;
select throws_ok($$ select jobs.queue_depths() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.queue_depths() $$, '42501', null, 'not for anon');

select * from finish();
