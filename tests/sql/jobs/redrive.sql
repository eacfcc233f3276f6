select plan(10);

create temporary table made as
select jobs.lane('n', 'q', 2) as q, jobs.lane('n', 'p', 2) as p;
insert into jobs.dead (id, died_at, enqueued_at, lane, attempt, max_attempts, kind, args)
select -i, now() - i * interval '1 min', now(), case when i < 5 then m.q else m.p end, 5, 5,
  case when i % 2 = 0 then 'even' else 'odd' end, '1'
from made as m, generate_series(1, 5) as i;

set local role service_role;
select is(jobs.redrive('q', 'n', 'odd', 1), 1, 'one of a kind');
select results_eq(
  $$ select r.id, r.attempt::integer from jobs.ready as r $$,
  $$ values (-3::bigint, 0) $$,
  'the one that died first, its attempts counted anew'
);
select is(jobs.redrive('q', 'n'), 3, 'all of a queue');
select is(jobs.redrive('q', 'n'), 0, 'once');
select is(jobs.redrive('p'), 0, 'none of another namespace');
select is(jobs.redrive(null), 0, 'none of no queue');
select is(jobs.redrive('p', 'n', most => 0), 0, 'none if none are wanted');
select is((select count(*) from jobs.dead), 1::bigint, 'others stay');

set local role authenticated;
select throws_ok($$ select jobs.redrive('q') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.redrive('q') $$, '42501', null, 'not for anon');

select * from finish();
