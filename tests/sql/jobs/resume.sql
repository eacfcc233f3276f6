select plan(7);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;

set local role service_role;
select is(jobs.resume('q', 'n'), false, 'it was not paused');
select jobs.pause('q', 'n');
select is(jobs.resume('q', 'n'), true, 'then it was');
select is(jobs.resume('q', 'n'), false, 'once');
select is(jobs.resume(null), false, 'no queue');
reset role;
select is(current_setting('fluxbase.jobs_woken'), format(',%s,', m.lane), 'its lanes are woken')
from made as m;

set local role authenticated;
select throws_ok($$ select jobs.resume('q') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.resume('q') $$, '42501', null, 'not for anon');

select * from finish();
