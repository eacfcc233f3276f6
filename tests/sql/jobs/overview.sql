select plan(6);

set local role service_role;
select is(
  jobs.overview(),
  '{
    "all": {
      "queues": 0, "ready": 0, "ready_is_estimate": false, "running": 0, "scheduled": 0,
      "blocked": 0, "dead": 0, "oldest_at": null
    },
    "queues": [], "workers": {"live": 0, "draining": 0}, "sampled_at": null
  }',
  'nothing'
);
select jobs.enqueue('a');
select jobs.pause('never used', reason => 'a feast');
select jobs.heartbeat('00000000-0000-4000-8000-000000000001');
reset role;
select jobs.sample();
set local role service_role;
select is(
  (
    select array_agg(
      array[q ->> 'queue', q ->> 'ready', q ->> 'pause_reason'] order by q ->> 'queue'
    )
    from jsonb_array_elements(jobs.overview() -> 'queues') as q
  ),
  array[array['default', '1', null], array['never used', '0', 'a feast']],
  'queues, also one without jobs'
);
select is(
  jobs.overview() #> '{workers}' || (jobs.overview() #> '{all,ready}'),
  '[{"live": 1, "draining": 0}, 1]',
  'workers, and all together'
);
select is(
  (jobs.overview() ->> 'sampled_at')::timestamptz,
  (select max(h.at) from jobs.history as h),
  'up to when there is history'
);

set local role authenticated;
select throws_ok($$ select jobs.overview() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.overview() $$, '42501', null, 'not for anon');

select * from finish();
