select plan(8);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada;
grant select on ids to service_role;

set local role service_role;
select is(jobs.drain(i.ada), false, 'no such worker') from ids as i;
select is(jobs.drain(null), false, 'nobody');
select jobs.heartbeat(i.ada)
from ids as i;
select is(jobs.drain(i.ada), true, 'it drains') from ids as i;
create temporary table before as
select w.draining_at
from jobs.workers as w, ids as i
where w.id = i.ada;
select jobs.drain(i.ada)
from ids as i;
select is(w.draining_at, b.draining_at, 'since the first time')
from jobs.workers as w, ids as i, before as b
where w.id = i.ada;
select throws_ok($$ select jobs.claim(i.ada) from ids as i $$, '55000', null, 'it claims no more');
select jobs.heartbeat(i.ada, '1 min')
from ids as i;
select isnt(w.draining_at, null, 'while it lives') from jobs.workers as w, ids as i
where w.id = i.ada;

set local role authenticated;
select throws_ok($$ select jobs.drain(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.drain(gen_random_uuid()) $$, '42501', null, 'not for anon');

select * from finish();
