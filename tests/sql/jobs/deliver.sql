select plan(5);

set local role fluxbase_admin;
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select -n, '9999-01-01', now(), jobs.lane('default', 'q', 2), 0, 5, false, 'k', '{}'
from generate_series(1, 3) as n;
insert into jobs.awaits (job, namespace, event)
values (-1, 'default', 'a'), (-2, 'default', 'b'), (-3, 'other', 'a');
select is(jobs.deliver(), 0, 'nothing has happened');
select jobs.emit('a'), jobs.emit('c');
select is(jobs.deliver(), 1, 'one has waited for it');
select results_eq(
  $$ select w.id from jobs.waiting as w where w.run_at <= clock_timestamp() and w.id < 0 $$,
  $$ values (-1::bigint) $$, 'which may run now'
);
select is(jobs.deliver(), 0, 'once');

set local role service_role;
select throws_ok($$ select jobs.deliver() $$, '42501', null, 'jobs.promote calls it');

select * from finish();
