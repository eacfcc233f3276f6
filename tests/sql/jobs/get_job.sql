select plan(11);

set local role service_role;
set local request.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
create temporary table made as
select jobs.enqueue('a', '{"n": 1}', unique_key => 'u') as id;
select is(
  jobs.get_job(id) - array['id', 'enqueued_at'],
  '{
    "state": "ready", "kind": "a", "args": {"n": 1}, "namespace": "default", "queue": "default",
    "priority": 2, "attempt": 0, "max_attempts": 25, "run_at": null, "died_at": null, "owner": null,
    "meta": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    "percent": null, "message": null, "data": null, "expected_at": null,
    "trace": "0af7651916cd43dd8448eb211c80319c", "unique_key": "u", "cancelled": null, "run": null,
    "waits_for": null, "event": null, "steps": [], "failures": []
  }',
  'one that is ready'
)
from made;
reset role;
insert into jobs.batches (token, worker, lane, kind, size, jobs, done, special, claimed_at)
overriding system value
select
  77, '00000000-0000-4000-8000-000000000001', r.lane, 'a', 1,
  int8multirange(int8range(m.id, m.id + 1)), '{}', true, now()
from made as m
join jobs.ready as r on r.id = m.id;
set local role service_role;
select jobs.heartbeat('00000000-0000-4000-8000-000000000001', name => 'ada');
select jobs.step(id, 77, 'first', '{"x": 1}') from made;
select is(jobs.get_job(id) ->> 'state', 'running', 'one that runs') from made;
select is(jobs.get_job(id) #>> '{run,name}', 'ada', 'by whom') from made;
select is(jobs.get_job(id) #>> '{steps,0,result,x}', '1', 'and a step') from made;
select jobs.cancel(id, 'no use') from made;
select is(jobs.get_job(id) #>> '{cancelled,reason}', 'no use', 'that it is to stop') from made;
reset role;
insert into jobs.awaits (job, namespace, event) select m.id, 'default', 'paid' from made as m;
insert into jobs.failures (job, attempt, outcome, kind, lane, error, stack)
select m.id, 1, 'failed', 'a', r.lane, 'no', 'here'
from made as m
join jobs.ready as r on r.id = m.id;
set local role service_role;
select jobs.emit('paid', '{"by": "card"}');
select is(
  jobs.get_job(id) -> 'waits_for' || (jobs.get_job(id) #> '{event,payload}'),
  '["paid", {"by": "card"}]',
  'the event that it waits for'
)
from made;
select is(jobs.get_job(id) #>> '{failures,0,stack}', 'here', 'and what went wrong') from made;

create temporary table gone as
select jobs.enqueue('a', run_at => 'tomorrow') as id;
select jobs.cancel(id, 'no use') from gone;
select is(
  array[jobs.get_job(id) ->> 'state', jobs.get_job(id) #>> '{failures,0,error}'],
  array['cancelled', 'no use'],
  'what is left of one that was cancelled'
)
from gone;
select throws_ok($$ select jobs.get_job(0) $$, 'P0002', null, 'none');

set local role authenticated;
select throws_ok($$ select jobs.get_job(0) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.get_job(0) $$, '42501', null, 'not for anon');

select * from finish();
