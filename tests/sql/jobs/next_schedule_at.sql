select plan(4);

set local role service_role;
select is(jobs.next_schedule_at(), null, 'nothing is scheduled');
select jobs.schedule('yearly', '@yearly', 'report');
select jobs.schedule('minutely', '* * * * *', 'report');
select is(jobs.next_schedule_at(), jobs.cron_next('* * * * *'), 'the first of all');
select jobs.pause_schedule('minutely');
select is(jobs.next_schedule_at(), jobs.cron_next('@yearly'), 'that is not paused');

set local role authenticated;
select throws_ok($$ select jobs.next_schedule_at() $$, '42501', null, 'not for users');

select * from finish();
