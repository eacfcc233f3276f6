select plan(8);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
insert into jobs.ready (
  id, xid, enqueued_at, owner, lane, segment, attempt, max_attempts, special, kind, args, meta
)
select -i, '3', now(), '00000000-0000-4000-8000-00000000000a', m.lane, 1, 2, 3, false, 'a', '1',
  '{"timeout": 1}'
from made as m, generate_series(1, 4) as i;
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
select gen_random_uuid(), m.lane, 'a', 2, '{[-2,0)}', '{[-2,-1)}', false, now()
from made as m;

select is(jobs.clear_segment(1), false, 'not while one is left to run');
select is_empty('select from jobs.waiting', 'then nothing is done');

insert into jobs.cursors (lane, seq, first, past, past_open)
select m.lane, 1, 1, '10', '{}'
from made as m;
-- Whether it is truncated is for TestSegmentsAreTruncated to see: other tests use it too.
select lives_ok('select jobs.clear_segment(1)', 'all were handed out');
select results_eq(
  $$
    select w.id, w.run_at, w.attempt::integer, w.max_attempts::integer, w.kind, w.args, w.meta,
      right(w.owner::text, 1)
    from jobs.waiting as w
  $$,
  $$
    values
      (-1::bigint, 'infinity'::timestamptz, 2, 3, 'a', '1'::jsonb, '{"timeout": 1}'::jsonb, 'a')
  $$,
  'what still runs is kept elsewhere'
);
select results_eq('select b.special from jobs.batches as b', array[true], 'its batch says so');
select lives_ok('select jobs.clear_segment(1)', 'again');
select throws_ok('select jobs.clear_segment(3)', '42P01', null, 'no such segment');

set local role service_role;
select throws_ok('select jobs.clear_segment(1)', '42501', null, 'not for callers');

select * from finish();
