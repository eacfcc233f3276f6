select plan(6);

set local role service_role;
select is(
  jobs.stats() - 'lanes',
  '{"ended": [], "workers": {"live": 0, "at_work": 0, "draining": 0}}',
  'nothing'
);
select jobs.enqueue_many('a', array_fill('{}'::jsonb, array[3]));
select jobs.enqueue('a', run_at => 'tomorrow');
select jobs.heartbeat('00000000-0000-4000-8000-000000000001');
select jobs.pause('default');
select is(
  jobs.stats() #> '{lanes,0}' #- '{oldest_seconds}',
  '{
    "namespace": "default", "queue": "default", "priority": 2, "ready": 3,
    "ready_is_estimate": false, "running": 0, "scheduled": 1, "blocked": 0, "dead": 0,
    "paused": true
  }',
  'a lane'
);
select is(jobs.stats(2) #> '{lanes,0,ready_is_estimate}', 'true', 'counted so far');
select is(jobs.stats() #>> '{workers,live}', '1', 'a worker');

set local role authenticated;
select throws_ok($$ select jobs.stats() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.stats() $$, '42501', null, 'not for anon');

select * from finish();
