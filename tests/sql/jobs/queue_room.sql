select plan(6);

set local role service_role;
select jobs.enqueue_many('k', array_fill('{}'::jsonb, array[5]), 'few');
select jobs.limit_queue('few', 3);

set local role fluxbase_admin;
select is(jobs.queue_room(jobs.lane('default', 'few', 2), 10), 3, 'what may run at once');
select is(jobs.queue_room(jobs.lane('default', 'many', 2), 10), 10, 'no limit');
select is(jobs.queue_room(-1, 10), 10, 'no lane, no limit');
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
values (
  '00000000-0000-0000-0000-000000000001', jobs.lane('default', 'few', 7), 'k', 3, '{[1,4)}',
  '{[2,3)}', false, now()
);
select is(
  jobs.queue_room(jobs.lane('default', 'few', 2), 10), 1, 'less what runs, at any priority'
);
update jobs.queues as q set concurrency = 1 where q.queue = 'few';
select is(jobs.queue_room(jobs.lane('default', 'few', 2), 10), 0, 'more run than may');

set local role service_role;
select throws_ok($$ select jobs.queue_room(1, 1) $$, '42501', null, 'for the queue alone');

select * from finish();
