select plan(9);

insert into jobs.history (
  namespace, queue, at, ready, oldest_seconds, last_id, completed, failed, died, durations
)
values
  ('', '', '2026-01-01 00:00:00', 5, 1, 100, 0, 0, 0, '{}'),
  ('', '', '2026-01-01 00:00:10', 7, 2, 150, 30, 10, 20, '{30}'),
  ('', '', '2026-01-01 00:00:20', 6, 3, 250, 10, 0, 0, '{0,10}'),
  ('n', 'q', '2026-01-01 00:00:20', 1, 0, null, 1, 0, 0, '{1}');

set local role service_role;
-- The rows are of long ago, so the steps are long.
select results_eq(
  $$
  select h.ready, h.oldest_seconds, h.enqueued, h.completed * 86400, h.failed * 86400,
    h.died * 86400, h.p50, h.p99
  from jobs.read_history('2026-01-01', '1 day') as h
  $$,
  $$
  values (7::bigint, 3::double precision, null::double precision, 40::double precision,
    10::double precision, 20::double precision, 0.00066666666666666666::double precision,
    0.00196::double precision)
  $$,
  'summed up by steps'
);
select is(h.completed * 86400, 1::double precision, 'of one queue')
from jobs.read_history('2026-01-01', '1 day', 'q', 'n') as h;
reset role;
insert into jobs.history (namespace, queue, at, last_id, ready)
select '', '', date_bin('10 seconds', now(), '2000-01-01') - n * interval '10 seconds',
  1000 - n * 50, n
from generate_series(0, 5) as n
where n <> 2;
set local role service_role;
select results_eq(
  $$ select h.ready, h.enqueued from jobs.read_history(now() - interval '40 seconds') as h $$,
  $$
  values (5::bigint, null::double precision), (4, 5), (3, 5), (1, 5)
  $$,
  'what was enqueued between two looks; the step that is not over is left out'
);
select is_empty($$ select from jobs.read_history(now(), '10 seconds', 'none', 'n') $$, 'of none');
select throws_ok($$ select jobs.read_history(step => '1 second') $$, '22023', null, 'too fine');
select throws_ok(
  $$ select jobs.read_history(now() - interval '1 day') $$, '22023', null, 'too many steps'
);
select throws_ok(
  $$ select jobs.read_history(queue => 'q') $$, '22023', null, 'a queue of no namespace'
);

set local role authenticated;
select throws_ok($$ select jobs.read_history() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.read_history() $$, '42501', null, 'not for anon');

select * from finish();
