select plan(5);

set local role service_role;
select jobs.schedule('paused', '@hourly', 'report');
select lives_ok($$ select jobs.pause_schedule('paused') $$, 'it is paused');
select is_empty(
  $$ select from jobs.run_schedules(now() + interval '1 day') as r where r.name = 'paused' $$,
  'and nothing comes of it'
);
select results_eq(
  $$ select s.is_enabled, s.next_run_at = jobs.cron_next('@hourly') from jobs.schedules as s $$,
  $$ values (false, true) $$, 'as one sees'
);
select throws_ok(
  $$ select jobs.pause_schedule('nosuch') $$, 'P0002', 'there is no schedule ''nosuch''',
  'only what is there'
);

set local role authenticated;
select throws_ok($$ select jobs.pause_schedule('paused') $$, '42501', null, 'not for users');

select * from finish();
