select plan(12);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada;
grant select on ids to service_role;

set local role service_role;

select jobs.heartbeat(i.ada)
from ids as i;
select results_eq(
  $$
    select w.name, w.lease,
      w.live_until between now() + interval '30 s' and clock_timestamp() + interval '30 s',
      w.draining_at
    from jobs.workers as w, ids as i
    where w.id = i.ada
  $$,
  $$ values ('', interval '30 s', true, null::timestamptz) $$,
  'a worker of half a minute'
);
create temporary table before as
select w.live_until
from jobs.workers as w, ids as i
where w.id = i.ada;
select jobs.heartbeat(i.ada)
from ids as i;
select is(w.live_until, b.live_until, 'again so soon nothing is written')
from jobs.workers as w, ids as i, before as b
where w.id = i.ada;
select jobs.heartbeat(i.ada, '1 hour', 'ada')
from ids as i;
select results_eq(
  $$
    select w.name, w.lease, w.live_until > clock_timestamp() + interval '59 min'
    from jobs.workers as w, ids as i
    where w.id = i.ada
  $$,
  $$ values ('ada', interval '1 hour', true) $$,
  'a longer lease counts at once'
);
select jobs.heartbeat(i.ada, '1 s', 'ada')
from ids as i;
select ok(w.live_until < clock_timestamp() + interval '1 min', 'so does a shorter one')
from jobs.workers as w, ids as i
where w.id = i.ada;
select jobs.heartbeat(i.ada, '1 day', null)
from ids as i;
select is(w.name, '', 'no name is an empty one')
from jobs.workers as w, ids as i
where w.id = i.ada;

select throws_ok(
  $$ select jobs.heartbeat(i.ada, '0.9 s') from ids as i $$, '23514', null, 'too short a lease'
);
select throws_ok(
  $$ select jobs.heartbeat(gen_random_uuid(), '1 day 1 s') $$, '23514', null, 'too long a lease'
);
select throws_ok(
  $$ select jobs.heartbeat(i.ada, null) from ids as i $$, '23502', null, 'no lease'
);
select throws_ok($$ select jobs.heartbeat(null) $$, '23502', null, 'no worker');
select throws_ok(
  $$ delete from jobs.workers $$, '42501', null, 'the function is the only way'
);

set local role authenticated;
select throws_ok($$ select jobs.heartbeat(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.heartbeat(gen_random_uuid()) $$, '42501', null, 'not for anon');

select * from finish();
