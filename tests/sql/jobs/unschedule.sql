select plan(4);

set local role service_role;
select jobs.schedule('removed', '@daily', 'report');
select is(jobs.unschedule('removed'), true, 'there was one');
select is_empty(
  $$ select from jobs.schedules as s where s.name = 'removed' $$, 'and there is none'
);
select is(jobs.unschedule('removed'), false, 'so there was none');

set local role authenticated;
select throws_ok($$ select jobs.unschedule('removed') $$, '42501', null, 'not for users');

select * from finish();
