select plan(9);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
insert into jobs.dead (id, enqueued_at, lane, owner, attempt, max_attempts, kind, args, meta)
select -1, '2020-01-01', m.lane, '00000000-0000-4000-8000-00000000000a', 5, 5, 'a', '1',
  '{"timeout": 1}'
from made as m;
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select -i, case when i = 2 then 'tomorrow' else 'infinity' end::timestamptz, now(), m.lane, 3, 5,
  true, 'b', '2'
from made as m, generate_series(2, 3) as i;

set local role service_role;
select is(jobs.retry(-1), true, 'a dead one');
select is(jobs.retry(-1), false, 'once');
select is(jobs.retry(-2), true, 'one that waits');
select is(jobs.retry(-3), false, 'not one that runs');
select results_eq(
  $$
    select r.id, r.attempt::integer, r.special, r.enqueued_at::date = '2020-01-01',
      right(r.owner::text, 1), r.meta
    from jobs.ready as r
    order by r.id desc
  $$,
  $$
    values (-1::bigint, 0, false, true, 'a', '{"timeout": 1}'::jsonb),
      (-2, 3, true, false, null, null)
  $$,
  'both are ready; the dead one may fail as often again'
);
select is(jobs.retry(-4), false, 'no such job');
select is(jobs.retry(null), false, 'none');

set local role authenticated;
select throws_ok($$ select jobs.retry(1) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.retry(1) $$, '42501', null, 'not for anon');

select * from finish();
