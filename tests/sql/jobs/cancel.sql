select plan(25);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada;
grant select on ids to service_role;
create temporary table made (name text, id bigint);
grant select, insert on made to service_role;

set local role service_role;
insert into made
values
  ('runs', jobs.enqueue('a', queue => 'q', namespace => 'n', unique_key => 'runs')),
  ('ready', jobs.enqueue('b', queue => 'p', namespace => 'n', unique_key => 'ready')),
  ('waits', jobs.enqueue('c', namespace => 'n', unique_key => 'waits', run_at => 'tomorrow'));
reset role;
update jobs.ready
set xid = '3';
set local role service_role;
create temporary table claimed as
select c.id, c.token
from ids as i, jobs.claim(i.ada, 9, '{q}', 'n') as c;

select is(jobs.cancel(m.id, 'too late'), 'cancelled', m.name) from made as m
where m.name = 'waits';
select is(jobs.cancel(m.id, 'too late'), null, 'it is not known any more') from made as m
where m.name = 'waits';
select is(jobs.cancel(m.id, 'too late'), 'cancelled', m.name) from made as m
where m.name = 'ready';
select is(jobs.cancel(m.id), 'cancelled', 'it is still') from made as m
where m.name = 'ready';
select is(j.state, 'cancelled', 'and shown as such')
from made as m
join jobs.jobs as j on j.id = m.id
where m.name = 'ready';
select is(jobs.cancel(m.id, 'too late'), 'cancelling', 'its worker is told') from made as m
where m.name = 'runs';
select is(jobs.cancel(m.id, 'other'), 'cancelling', 'once') from made as m
where m.name = 'runs';
select results_eq(
  $$
    select m.name, f.outcome, f.error, f.attempt, f.worker
    from jobs.failures as f
    join made as m on m.id = f.job
    order by f.id
  $$,
  $$ values ('waits', 'cancelled', 'too late', 1::smallint, null::uuid) $$,
  'what waits is gone at once'
);
select results_eq(
  $$ select t.kind, t.outcome, t.jobs from jobs.tallies as t where t.kind in ('a', 'b', 'c') $$,
  $$ values ('c', 'cancelled', 1) $$,
  'and counted'
);
select results_eq(
  $$ select s.unique_key from jobs.specials as s join made as m on m.id = s.id $$,
  $$ values ('runs') $$,
  'keys of others are free'
);
select is_empty(
  $$ select c.id from ids as i, jobs.claim(i.ada, 9, null, 'n') as c $$, 'no worker is handed it'
);
select is(j.state, 'cancelled', 'when it was taken away it still is')
from made as m
join jobs.jobs as j on j.id = m.id
where m.name = 'ready';
select is(jobs.cancel(m.id), 'cancelled', 'and may be cancelled again') from made as m
where m.name = 'ready';
select results_eq(
  $$
    select f.outcome, f.error, f.attempt, f.worker
    from jobs.failures as f
    join made as m on m.id = f.job
    where m.name = 'ready'
  $$,
  $$ values ('cancelled', 'too late', 1::smallint, null::uuid) $$,
  'which is noted once'
);

-- Its worker is stopped before it has heard.
select jobs.interrupt(i.ada)
from ids as i;
select results_eq(
  $$
    select f.outcome
    from jobs.failures as f
    join made as m on m.id = f.job
    where m.name = 'runs'
  $$,
  array['cancelled'],
  'a worker that is stopped'
);
select is(j.state, 'cancelled', 'leaves nothing to others')
from made as m
join jobs.jobs as j on j.id = m.id
where m.name = 'runs';
select is_empty(
  $$ select s.unique_key from jobs.specials as s join made as m on m.id = s.id $$,
  'then its key is free too'
);

select is(jobs.cancel(-1), null, 'no such job');
select is(jobs.cancel(null), null, 'none');
select throws_ok($$ select jobs.cancel(1, '') $$, '22023', null, 'a reason is needed');
select throws_ok($$ select jobs.cancel(1, null) $$, '22023', null, 'it is');
select throws_ok($$ delete from jobs.cancelled $$, '42501', null, 'the function is the only way');
reset role;
insert into jobs.dead (id, enqueued_at, lane, attempt, max_attempts, kind, args)
select -2, now(), l.id, 1, 1, 'd', '1'
from jobs.lanes as l
where l.namespace = 'n'
limit 1;
set local role service_role;
select is(jobs.cancel(-2), 'dead', 'the dead stay');

set local role authenticated;
select throws_ok($$ select jobs.cancel(1) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.cancel(1) $$, '42501', null, 'not for anon');

select * from finish();
