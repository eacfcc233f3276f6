select plan(6);

set local role service_role;
select jobs.schedule('asked for', '@hourly', 'report');
select jobs.pause_schedule('asked for');

create temp table jobs_of as
select n, jobs.run_schedule('asked for') as job_id
from generate_series(1, 2) as n;
select results_eq(
  $$ select count(distinct j.job_id) from jobs_of as j $$, array[2::bigint],
  'a job each time, paused or not'
);
select results_eq(
  $$
    select s.last_run_at = now(), s.last_job_id = (select max(j.job_id) from jobs_of as j)
    from jobs.schedules as s
  $$,
  $$ values (true, true) $$, 'as one sees'
);
select results_eq(
  $$ select s.is_enabled, s.next_run_at = jobs.cron_next('@hourly') from jobs.schedules as s $$,
  $$ values (false, true) $$, 'when it is due, and whether, stays'
);
select throws_ok(
  $$ select jobs.run_schedule('nosuch') $$, 'P0002', 'there is no schedule ''nosuch''',
  'only what is there'
);
select throws_ok($$ select jobs.run_schedule(null) $$, 'P0002', null, 'and has a name');

set local role authenticated;
select throws_ok($$ select jobs.run_schedule('asked for') $$, '42501', null, 'not for users');

select * from finish();
