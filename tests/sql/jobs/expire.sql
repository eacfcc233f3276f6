select plan(8);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada,
  '00000000-0000-4000-8000-000000000002'::uuid as bob;
grant select on ids to service_role;

set local role service_role;
select jobs.enqueue_many('mail', '{1,2,3}', 'q', 'n', max_attempts => 1);
reset role;
update jobs.ready
set xid = '3';
set local role service_role;
select jobs.claim(i.ada, 2, null, 'n', name => 'ada')
from ids as i;
select jobs.claim(i.bob, 2, null, 'n')
from ids as i;

select is(jobs.expire(), 0, 'all are alive');
reset role;
update jobs.workers as w
set live_until = now()
from ids as i
where w.id = i.ada;
set local role service_role;
select is(jobs.expire(), 2, 'what one had that is not');
select results_eq(
  $$ select f.outcome, f.error, f.attempt::integer from jobs.failures as f where f.kind = 'mail' $$,
  $$
    values ('lost', 'the worker ada was not heard of any more', 1),
      ('lost', 'the worker ada was not heard of any more', 1)
  $$,
  'is lost'
);
select is((select count(*) from jobs.dead), 2::bigint, 'which was its last attempt');
select is_empty(
  $$ select from jobs.workers as w, ids as i where w.id = i.ada $$, 'that worker is forgotten'
);
-- Its row went while it claimed.
reset role;
delete from jobs.workers;
set local role service_role;
select is(jobs.expire(), 1, 'what nobody has is taken back too');

set local role authenticated;
select throws_ok($$ select jobs.expire() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.expire() $$, '42501', null, 'not for anon');

select * from finish();
