select plan(6);

set local role service_role;
select is(jobs.list_workers(), '{"workers": [], "next": null}', 'nobody');
select jobs.heartbeat(u, '30 s', 'w' || n), jobs.enqueue('a')
from (
  values (1, '00000000-0000-4000-8000-000000000001'::uuid),
    (2, '00000000-0000-4000-8000-000000000002')
) as w (n, u);
reset role;
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
select '00000000-0000-4000-8000-000000000001', l.id, v.kind, 3, '{[1,4)}', v.done, false, now()
from jobs.lanes as l
cross join (values ('a', '{[1,2)}'::int8multirange), ('b', '{}')) as v (kind, done);
set local role service_role;
select is(
  jobs.list_workers(most => 1) #- '{workers,0,started_at}' #- '{workers,0,oldest_at}',
  '{
    "workers": [{
      "id": "00000000-0000-4000-8000-000000000001", "name": "w1", "lease_seconds": 30.000000,
      "is_live": true, "draining_at": null, "running": 5, "kinds": ["a", "b"]
    }],
    "next": "00000000-0000-4000-8000-000000000001"
  }',
  'one, and what it holds'
);
select is(
  jobs.list_workers('00000000-0000-4000-8000-000000000001') #>> '{workers,0,name}', 'w2', 'the next'
);
select is(
  jobs.list_workers('00000000-0000-4000-8000-000000000002'), '{"workers": [], "next": null}',
  'the end'
);

set local role authenticated;
select throws_ok($$ select jobs.list_workers() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.list_workers() $$, '42501', null, 'not for anon');

select * from finish();
