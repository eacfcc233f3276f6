select plan(6);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
insert into jobs.totals (minute, lane, kind, outcome, jobs, seconds)
select now() - i * interval '20 days', m.lane, 'a', 'completed', i, 1
from made as m, generate_series(1, 3) as i;
insert into jobs.totals (minute, lane, kind, outcome, jobs, seconds)
select date_trunc('hour', now() - interval '2 days') + i * interval '1 minute', m.lane, 'a',
  'completed', i, 1
from made as m, generate_series(0, 3) as i;
insert into jobs.failures (job, attempt, at, outcome, kind, lane, error)
select -i, 1, now() - i * interval '20 days', 'failed', 'a', m.lane, 'bad'
from made as m, generate_series(1, 2) as i;
insert into jobs.cancelled (id, at, reason)
select -i, now() - case when i = 2 then '0' else '2 min' end::interval, 'no'
from generate_series(1, 4) as i;
insert into jobs.specials (id, namespace, unique_key)
select -i, 'n', 'k' || i
from generate_series(1, 4) as i;
-- One is ready, one waits.
select jobs.add_ready(array(
  select row(-3, now(), now(), null, m.lane, 0, 5, false, 'a', '1', null)::jobs.waiting
  from made as m
));
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select -4, 'tomorrow', now(), m.lane, 0, 1, false, 'a', '1'
from made as m;

select jobs.sweep();
select results_eq(
  'select t.minute, t.jobs, t.seconds from jobs.totals as t order by t.minute',
  $$
    values ('-infinity'::timestamptz, 5::bigint, 2::float8),
      (date_trunc('hour', now() - interval '20 days'), 1, 1),
      (date_trunc('hour', now() - interval '2 days'), 6, 4)
  $$,
  'old counts are kept together, others by hours'
);
select jobs.sweep();
select is((select sum(t.jobs) from jobs.totals as t), 12::numeric, 'and none is lost');
select results_eq(
  'select f.job from jobs.failures as f', 'values (-1::bigint)', 'failures are kept for thirty days'
);
select results_eq(
  'select c.id from jobs.cancelled as c order by c.id', 'values (-4::bigint), (-3), (-2)',
  'what was cancelled and has ended is forgotten after a while'
);
select results_eq(
  'select s.id from jobs.specials as s', 'values (-4::bigint)',
  'keys of what has ended are free'
);

set local role service_role;
select throws_ok('select jobs.sweep()', '42501', null, 'not for callers');

select * from finish();
