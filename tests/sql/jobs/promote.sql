select plan(10);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
insert into jobs.waiting (
  id, run_at, enqueued_at, owner, lane, attempt, max_attempts, special, kind, args, meta
)
select -i, case when i < 4 then now() - i * interval '1 min' when i = 4 then now() + interval '1 h'
    else 'infinity' end,
  '2020-01-01', '00000000-0000-4000-8000-00000000000a', m.lane, 2, 5, true, 'a', '1',
  '{"timeout": 1}'
from made as m, generate_series(1, 5) as i;

set local role service_role;
select is(jobs.promote(2), now() - interval '1 min', 'two, and when the next one is due');
select results_eq(
  $$
    select j.id, j.state, j.attempt::integer, j.max_attempts::integer, j.enqueued_at,
      right(j.owner::text, 1), j.meta
    from jobs.jobs as j
    where j.state = 'ready'
    order by j.id
  $$,
  $$
    values
      (-3::bigint, 'ready', 2, 5, timestamptz '2020-01-01', 'a',
        '{"timeout": 1}'::jsonb),
      (-2, 'ready', 2, 5, '2020-01-01', 'a', '{"timeout": 1}')
  $$,
  'are ready, the first ones first'
);
select is(jobs.promote(), now() + interval '1 h', 'all that are due');
select is(jobs.promote(), now() + interval '1 h', 'then none');
select results_eq(
  $$ select w.id from jobs.waiting as w order by w.id $$,
  $$ values (-5::bigint), (-4) $$,
  'what is for later, and what runs, stays'
);
reset role;
delete from jobs.waiting
where id = -4;
set local role service_role;
select is(jobs.promote(), null, 'nothing is due ever');
select is(jobs.promote(0), null, 'nor when none are wanted');
select throws_ok($$ select jobs.promote(-1) $$, '2201W', null, 'less than none');

set local role authenticated;
select throws_ok($$ select jobs.promote() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.promote() $$, '42501', null, 'not for anon');

select * from finish();
