select plan(15);

set local role service_role;
select jobs.schedule('first', '0 10 * * *', 'report', '{"n": 1}');
select jobs.schedule('second', '*/10 * * * *', 'report', missed => 'all');
select jobs.schedule('third', '*/10 * * * *', 'report', missed => 'all');
select jobs.schedule('resting', '* * * * *', 'report');
select jobs.pause_schedule('resting');

reset role;
update jobs.schedules as s
set next_run_at = '2026-03-01 10:00Z'
where s.name <> 'third';
update jobs.schedules as s
set next_run_at = '2026-03-01 10:10Z'
where s.name = 'third';
set local role service_role;

select is_empty(
  $$ select from jobs.run_schedules('2026-03-01 09:59:59.999Z') $$, 'nothing before its time'
);
select is_empty($$ select from jobs.run_schedules('2026-03-01 12:00Z', 0) $$, 'nothing of none');
select results_eq(
  $$ select r.name, r.due_at from jobs.run_schedules('2026-03-01 10:35Z', 4) as r $$,
  $$
    values
      ('first', timestamptz '2026-03-01 10:00Z'), ('second', '2026-03-01 10:00Z'),
      ('third', '2026-03-01 10:10Z')
  $$,
  'oldest first, and the same share for each of three'
);
select results_eq(
  $$ select r.name, r.due_at from jobs.run_schedules('2026-03-01 10:35Z', 4) as r $$,
  $$
    values
      ('second', timestamptz '2026-03-01 10:10Z'), ('second', '2026-03-01 10:20Z'),
      ('third', '2026-03-01 10:20Z'), ('third', '2026-03-01 10:30Z')
  $$,
  'and of two'
);
select results_eq(
  $$ select r.name, r.due_at from jobs.run_schedules('2026-03-01 10:35Z', 1) as r $$,
  $$ values ('second', timestamptz '2026-03-01 10:30Z') $$,
  'the rest of what was missed'
);
select is_empty(
  $$ select from jobs.run_schedules('2026-03-01 10:35Z') $$, 'nothing comes twice'
);
select is_empty(
  $$ select from jobs.run_schedules('2026-03-01 08:00Z') $$, 'also when the clock is put back'
);
select is_empty(
  $$ select from jobs.run_schedules('2026-03-01 10:39:59Z') $$, 'and goes forward from there'
);
select results_eq(
  $$ select count(*), count(distinct r.job_id) from jobs.run_schedules('2026-03-01 10:40Z') as r $$,
  $$ values (2::bigint, 2::bigint) $$, 'until it is time again'
);

-- What cannot be enqueued, or has a zone that is gone, does not stand in the way of others.
reset role;
update jobs.schedules as s
set next_run_at = '2026-03-01 10:00Z';
update jobs.schedules as s
set zone = 'Mars/Base', missed = 'all'
where s.name = 'first';
update jobs.schedules as s
set priority = -1
where s.name = 'second';
set local role service_role;
set local client_min_messages = error;

select results_eq(
  $$ select r.name from jobs.run_schedules('2026-03-01 10:05Z') as r $$, array['third'],
  'the others come'
);
select results_eq(
  $$
    select s.is_enabled, s.last_error, s.next_run_at
    from jobs.schedules as s
    where s.name = 'first'
  $$,
  $$
    values (false, 'time zone "Mars/Base" not recognized', timestamptz '2026-03-01 10:00Z')
  $$,
  'one is paused, and says why'
);
select results_eq(
  $$ select s.is_enabled, s.last_error <> '' from jobs.schedules as s where s.name = 'second' $$,
  $$ values (false, true) $$, 'and so is the other'
);
select results_eq(
  $$ select s.is_enabled, s.next_run_at from jobs.schedules as s where s.name = 'resting' $$,
  $$ values (false, '2026-03-01 10:00Z'::timestamptz) $$, 'a paused one is left alone'
);

select is_empty(
  $$ select from jobs.run_schedules() as r where r.name <> 'third' $$, 'by the clock, if not told'
);

set local role authenticated;
select throws_ok($$ select jobs.run_schedules() $$, '42501', null, 'not for users');

select * from finish();
