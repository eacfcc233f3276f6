select plan(5);

set local role service_role;
select jobs.limit_key('k', 2), jobs.limit_key('tenant:*', rate => 5, burst => 9),
  jobs.limit_key('k', 1, namespace => 'n');
select jobs.enqueue('a', concurrency_key => 'k') from generate_series(1, 3);
select jobs.enqueue('a', concurrency_key => 'tenant:' || n) from generate_series(1, 2) as n;
select jobs.promote();
select is(
  jobs.list_limits('default'),
  '{
    "limits": [
      {
        "namespace": "default", "key": "k", "concurrency": 2, "rate": null, "burst": null,
        "running": 2, "blocked": 1
      },
      {
        "namespace": "default", "key": "tenant:*", "concurrency": null, "rate": 5, "burst": 9,
        "running": 2, "blocked": 0
      }
    ],
    "next": null
  }',
  'limits and their use'
);
select is(
  jobs.list_limits(most => 1, after => jobs.list_limits(most => 1) ->> 'next') #>> '{limits,0,key}',
  'tenant:*',
  'the second page'
);
select is(
  jobs.list_limits(after => jobs.list_limits(most => 2) ->> 'next') #>> '{limits,0,namespace}', 'n',
  'and the last'
);

set local role authenticated;
select throws_ok($$ select jobs.list_limits() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.list_limits() $$, '42501', null, 'not for anon');

select * from finish();
