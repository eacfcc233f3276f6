select plan(3);

set local role service_role;
select jobs.schedule('listed', '30 2 * * *', 'report', zone => 'Europe/Berlin', queue => 'slow');
select jobs.schedule('not now', '@daily', 'report');
select jobs.pause_schedule('not now');
reset role;
update jobs.schedules as s
set next_run_at = '2026-03-28 01:30Z'
where s.name = 'listed';
set local role service_role;

select results_eq(
  $$
    select l.name, l.cron, l.zone, l.queue, l.is_enabled, l.next_runs
    from jobs.schedule_list as l
    order by l.name
  $$,
  $$
    values
      ('listed', '30 2 * * *', 'Europe/Berlin', 'slow', true,
       array['2026-03-28 01:30Z', '2026-03-29 01:00Z', '2026-03-30 00:30Z']::timestamptz[]),
      ('not now', '@daily', 'UTC', 'default', false, null)
  $$,
  'the next three times of each that is not paused'
);

set local role authenticated;
select throws_ok($$ select from jobs.schedule_list $$, '42501', null, 'not for users');
set local role authenticator;
select throws_ok($$ select from jobs.schedule_list $$, '42501', null, 'nor for their login');

select * from finish();
