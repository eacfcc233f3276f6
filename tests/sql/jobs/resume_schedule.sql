select plan(7);

set local role service_role;
select jobs.schedule('resumed', '@hourly', 'report', missed => 'all');
reset role;
update jobs.schedules as s
set next_run_at = now() - interval '10 hours'
where s.name = 'resumed';
set local role service_role;

select is(
  jobs.resume_schedule('resumed'), now() - interval '10 hours', 'what is not paused goes on'
);
select jobs.pause_schedule('resumed');
select is(
  jobs.resume_schedule('resumed'), jobs.cron_next('@hourly'),
  'what came during the pause is not made up for'
);
select is_empty($$ select from jobs.run_schedules() $$, 'so nothing is due');
reset role;
update jobs.schedules as s
set is_enabled = false, last_error = 'bad'
where s.name = 'resumed';
set local role service_role;
select isnt(jobs.resume_schedule('resumed'), null, 'also after an error');
select results_eq(
  $$ select s.is_enabled, s.last_error from jobs.schedules as s $$,
  $$ values (true, null::text) $$, 'of which nothing is left'
);
select throws_ok(
  $$ select jobs.resume_schedule('nosuch') $$, 'P0002', 'there is no schedule ''nosuch''',
  'only what is there'
);

set local role authenticated;
select throws_ok($$ select jobs.resume_schedule('resumed') $$, '42501', null, 'not for users');

select * from finish();
