select plan(4);

select jobs.wake(l.lane)
from unnest(array[1, 11, 1, 11]) as l (lane);
select is(current_setting('fluxbase.jobs_woken'), ',1,,11,', 'each lane once in a transaction');

savepoint undone;
select jobs.wake(2);
rollback to undone;
select is(
  current_setting('fluxbase.jobs_woken'), ',1,,11,', 'what was rolled back is to be told again'
);

set local role service_role;
select throws_ok($$ select jobs.wake(1) $$, '42501', null, 'not for callers');
set local role authenticated;
select throws_ok($$ select jobs.wake(1) $$, '42501', null, 'not for users');

select * from finish();
