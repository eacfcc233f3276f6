select plan(7);

set local role service_role;
select jobs.pause('q', 'n', 'too hot');
create temporary table before as
select q.paused_at
from jobs.queues as q
where q.queue = 'q'
and q.namespace = 'n';
select results_eq(
  $$ select q.pause_reason, q.paused_at is not null, q.aging from jobs.queues as q $$,
  $$ values ('too hot', true, interval '1 min') $$,
  'a queue is paused'
);
select jobs.pause('q', 'n', 'still too hot');
select results_eq(
  $$ select q.pause_reason, q.paused_at = b.paused_at from jobs.queues as q, before as b $$,
  $$ values ('still too hot', true) $$,
  'the reason may change, not the time'
);
select throws_ok($$ select jobs.pause(null) $$, '23502', null, 'no queue');
select throws_ok($$ select jobs.pause('p', reason => null) $$, '23514', null, 'no reason');
select throws_ok(
  $$ update jobs.queues set aging = '0' $$, '42501', null, 'the function is the only way'
);

set local role authenticated;
select throws_ok($$ select jobs.pause('q') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.pause('q') $$, '42501', null, 'not for anon');

select * from finish();
