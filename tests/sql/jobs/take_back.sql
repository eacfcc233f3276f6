select plan(7);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane, '00000000-0000-4000-8000-000000000001'::uuid as worker;
select jobs.add_ready(array(
  select row(-i, now(), now(), null, m.lane, 0, 5, false, 'a', '1', null)::jobs.waiting
  from made as m, generate_series(1, 5) as i
));
update jobs.ready
set xid = '3'
where id < 0;
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
select m.worker, m.lane, 'a', 3, '{[-3,0)}', '{[-2,-1)}', false, now()
from made as m;
insert into jobs.batches (worker, lane, kind, size, jobs, special, claimed_at)
select '00000000-0000-4000-8000-000000000002', m.lane, 'a', 1, '{[-4,-3)}', false, now()
from made as m;

select is(jobs.take_back(m.worker, 'lost', 'gone'), 2, 'what had not ended') from made as m;
select results_eq(
  $$ select f.job, f.outcome, f.error from jobs.failures as f where f.job < 0 order by f.job $$,
  $$ values (-3::bigint, 'lost', 'gone'), (-1, 'lost', 'gone') $$,
  'is noted'
);
select results_eq(
  $$
    select r.id
    from jobs.ready as r
    where r.xid = pg_current_xact_id()
    order by r.id
  $$,
  $$ values (-3::bigint), (-1) $$,
  'and ready again'
);
select results_eq(
  $$ select right(b.worker::text, 1) from jobs.batches as b where b.jobs @> (-4)::bigint $$,
  $$ values ('2') $$,
  'others keep what they have'
);
select is(jobs.take_back(m.worker, 'lost', 'gone'), 0, 'once') from made as m;
select is(jobs.take_back(null, 'lost', 'gone'), 0, 'nobody has nothing');

set local role service_role;
select throws_ok($$ select jobs.take_back(null, 'lost', 'a') $$, '42501', null, 'not for callers');

select * from finish();
