select plan(18);

create function pg_temp.failure(
  id bigint, outcome text default null, error text default null,
  retry_in double precision default null, discard boolean default null
)
  returns jobs.failure
  language sql
as $$ select row(id, outcome, error, 'a stack', retry_in, discard, null)::jobs.failure $$;

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
select jobs.add_ready(array(
  select row(
    -i, now(), now(), '00000000-0000-4000-8000-00000000000a', m.lane, 1, 3, i in (3, 6), 'a',
    i::text, null
  )::jobs.waiting
  from made as m, generate_series(1, 9) as i
));
update jobs.ready
set xid = '3'
where id < 0;
insert into jobs.specials (id, namespace, unique_key, args)
values (-3, 'n', 'k', '"new"'), (-6, 'n', 'l', null);
insert into jobs.cancelled (id, reason)
values (-6, 'no'), (-5, 'no');
-- Its segment was to be truncated while it ran.
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select -8, 'infinity', now(), m.lane, 1, 3, false, 'a', '8'
from made as m;

select lives_ok(
  $$
    select jobs.put_back('00000000-0000-4000-8000-000000000001', array[
      pg_temp.failure(-1), pg_temp.failure(-2, 'timeout', 'slow', 0),
      pg_temp.failure(-3, 'failed', 'bad', null, true), pg_temp.failure(-4, 'interrupted', ''),
      pg_temp.failure(-5, 'interrupted'), pg_temp.failure(-6, 'failed', 'sad'),
      pg_temp.failure(-7, 'cancelled'), pg_temp.failure(-8, 'failed', 'x', 1e300),
      pg_temp.failure(-9, 'lost', repeat('e', 20000)),
      pg_temp.failure(-9, 'lost', repeat('e', 20000))
    ])
  $$,
  'all that can happen'
);
select results_eq(
  $$
    select f.job, f.attempt::integer, f.outcome, left(f.error, 20), f.stack,
      right(f.owner::text, 1), right(f.worker::text, 1), f.kind
    from jobs.failures as f
    where f.job > -9
    order by f.job desc
  $$,
  $$
    values
      (-1::bigint, 2, 'failed', 'no reason was given', 'a stack', 'a', '1', 'a'),
      (-2, 2, 'timeout', 'slow', 'a stack', 'a', '1', 'a'),
      (-3, 2, 'failed', 'bad', 'a stack', 'a', '1', 'a'),
      (-4, 2, 'interrupted', 'no reason was given', 'a stack', 'a', '1', 'a'),
      (-5, 2, 'cancelled', 'no reason was given', 'a stack', 'a', '1', 'a'),
      (-6, 2, 'cancelled', 'sad', 'a stack', 'a', '1', 'a'),
      (-7, 2, 'cancelled', 'no reason was given', 'a stack', 'a', '1', 'a'),
      (-8, 2, 'failed', 'x', 'a stack', null, '1', 'a')
  $$,
  'each is noted'
);
select results_eq(
  $$ select f.outcome, length(f.error) from jobs.failures as f where f.job = -9 $$,
  $$ values ('lost', 10000) $$,
  'once, and no longer than ten thousand characters'
);
select results_eq(
  $$
    select r.id, r.attempt::integer
    from jobs.ready as r
    where r.xid = pg_current_xact_id()
    order by r.id desc
  $$,
  $$ values (-2::bigint, 2), (-4, 1), (-9, 2) $$,
  'what need not wait is ready again; an attempt that was interrupted does not count'
);
select results_eq(
  $$
    select w.id, w.attempt::integer, w.args
    from jobs.waiting as w
    where w.run_at > now()
    order by w.id desc
  $$,
  $$ values (-1::bigint, 2, '1'::jsonb), (-8, 2, '8') $$,
  'others wait'
);
select ok(
  w.run_at between now() + interval '14 s' and clock_timestamp() + interval '18 s',
  'the second time about sixteen seconds'
)
from jobs.waiting as w
where w.id = -1;
select ok(w.run_at < now() + '366 days', 'a year at most')
from jobs.waiting as w
where w.id = -8;
select results_eq(
  $$ select d.id, d.attempt::integer, d.args from jobs.dead as d where d.id < 0 $$,
  $$ values (-3::bigint, 2, '"new"'::jsonb) $$,
  'what was discarded is dead, with its last arguments'
);
select is_empty($$ select from jobs.specials as s where s.id < 0 $$, 'keys are free again');
select is_empty(
  $$ select from jobs.cancelled as c where c.id < 0 $$, 'what was cancelled is over'
);
select results_eq(
  $$
    select t.outcome, sum(t.jobs)
    from made as m
    join jobs.tallies as t on t.lane = m.lane
    group by t.outcome
    order by t.outcome
  $$,
  $$
    values ('cancelled', 3::bigint), ('dead', 1), ('failed', 3), ('interrupted', 1), ('lost', 1),
      ('timeout', 1)
  $$,
  'all are counted'
);
select jobs.put_back(null, array[pg_temp.failure(-4, 'interrupted', 'full', 60)]);
select results_eq(
  $$
    select w.attempt::integer, w.run_at > now() + interval '50 s'
    from jobs.waiting as w
    where w.id = -4
  $$,
  $$ values (1, true) $$,
  'nor does one that is to wait before the next'
);
-- The last attempt.
select jobs.put_back(null, array[pg_temp.failure(-1)]);
select results_eq(
  $$ select d.id, d.attempt, d.max_attempts from jobs.dead as d where d.id = -1 $$,
  $$ values (-1::bigint, 3::smallint, 3::smallint) $$,
  'after the last attempt it is dead'
);
select is_empty(
  $$ select from jobs.waiting as w where w.run_at = 'infinity' and w.id < 0 $$,
  'nothing is left over'
);
select lives_ok(
  $$ select jobs.put_back(null, array[pg_temp.failure(-100)]) $$,
  'one that is not known is nothing'
);
select lives_ok($$ select jobs.put_back(null, '{}') $$, 'none are none');
select throws_ok(
  $$ select jobs.put_back(null, array[pg_temp.failure(-2, 'sad')]) $$, '22023', null,
  'no such outcome'
);

set local role service_role;
select throws_ok($$ select jobs.put_back(null, '{}') $$, '42501', null, 'not for callers');

select * from finish();
