select plan(9);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada;
grant select on ids to service_role;
create temporary table claimed (id bigint, token bigint);
grant select, insert on claimed to service_role;

set local role service_role;
select jobs.enqueue_many('mail', '{1,2}', 'q', 'n', max_attempts => 1);
reset role;
update jobs.ready
set xid = '3';
set local role service_role;
insert into claimed
select c.id, c.token
from ids as i, jobs.claim(i.ada, 2, null, 'n') as c;

select is(jobs.interrupt(i.ada), 2, 'all that it had') from ids as i;
select results_eq(
  $$
    select f.outcome, f.attempt::integer
    from jobs.failures as f
    join claimed as c on c.id = f.job
  $$,
  $$ values ('interrupted', 1), ('interrupted', 1) $$,
  'is noted'
);
select results_eq(
  $$ select j.state, j.attempt::integer from jobs.jobs as j join claimed as c on c.id = j.id $$,
  $$ values ('ready', 0), ('ready', 0) $$,
  'and ready, the attempt given back, though it was the last'
);
select is_empty($$ select from jobs.workers as w, ids as i where w.id = i.ada $$, 'it is gone');
select results_eq(
  $$
    select f.event
    from ids as i, claimed as c, jobs.finish(i.ada, array[c.id], array[c.token]) as f
  $$,
  $$ values ('lost'), ('lost') $$,
  'what it says now comes too late'
);
select is(jobs.interrupt(i.ada), 0, 'once') from ids as i;
select is(jobs.interrupt(null), 0, 'nobody has nothing');

set local role authenticated;
select throws_ok($$ select jobs.interrupt(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.interrupt(gen_random_uuid()) $$, '42501', null, 'nor for anon');

select * from finish();
