select plan(4);

set local role service_role;
select jobs.limit_queue('slow', null, 2, 4);
select jobs.limit_queue('free', 1);

set local role fluxbase_admin;
select jobs.use_queue(jobs.lane('default', 'slow', 2), 3);
select is(jobs.queue_room(jobs.lane('default', 'slow', 2), 10), 1, 'what is left of the burst');
select jobs.use_queue(jobs.lane('default', 'slow', 9), 9);
select is(jobs.queue_room(jobs.lane('default', 'slow', 2), 10), 0, 'lanes share it');
select jobs.use_queue(jobs.lane('default', 'free', 2), 3);
select is(
  (select q.full_at from jobs.queues as q where q.queue = 'free'), null, 'no rate is not counted'
);

set local role service_role;
select throws_ok($$ select jobs.use_queue(1, 1) $$, '42501', null, 'for the queue alone');

select * from finish();
