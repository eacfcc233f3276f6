select plan(6);

set local role service_role;
select jobs.limit_queue('q', 3, 2);
select results_eq(
  $$ select q.concurrency, q.rate, q.burst from jobs.queues as q $$,
  $$ values (3, 2::float8, 1::float8) $$, 'one at once by itself'
);
select jobs.pause('q'), jobs.limit_queue('q');
select results_eq(
  $$ select q.concurrency, q.rate, q.paused_at is not null from jobs.queues as q $$,
  $$ values (null::integer, null::float8, true) $$, 'what else is set of it stays'
);

select throws_ok($$ select jobs.limit_queue('q', -1) $$, '23514', null, 'less than none');
select throws_ok(
  $$ select jobs.limit_queue('q', null, 'infinity') $$, '23514', null, 'no end of them'
);
select throws_ok($$ select jobs.limit_queue(null, 1) $$, '23502', null, 'null');

set local role authenticated;
select throws_ok($$ select jobs.limit_queue('q', 1) $$, '42501', null, 'users may not');

select * from finish();
