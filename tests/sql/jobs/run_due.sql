select plan(5);

-- The times of which jobs came, and the next one.
create function pg_temp.run(number integer, missed text, since text, now text, most integer)
  returns text
  language plpgsql
as $$
declare
  v_name constant text := 'due ' || run.number;
  v_ran text;
begin
  perform jobs.schedule(v_name, '*/10 * * * *', 'report', missed => run.missed);
  update jobs.schedules as s
  set next_run_at = ('2026-03-01 ' || run.since || 'Z')::timestamptz,
      last_error = 'earlier'
  where s.name = v_name;

  select string_agg(to_char(r.due_at at time zone 'UTC', 'HH24:MI'), ' ' order by r.job_id)
  into v_ran
  from jobs.run_due(v_name, ('2026-03-01 ' || run.now || 'Z')::timestamptz, run.most) as r;

  return (
    select concat(v_ran, ', next ', to_char(s.next_run_at at time zone 'UTC', 'HH24:MI'))
    from jobs.schedules as s
    where s.name = v_name
  );
end;
$$;

select results_eq(
  $$
    select pg_temp.run(c.number, c.missed, c.since, c.now, c.most)
    from (values
      -- In time: the same for all.
      (1, 'skip', '10:10', '10:10:00', 9),
      (2, 'once', '10:10', '10:10:02', 9),
      (3, 'all', '10:10', '10:10:59', 9),
      -- Late.
      (4, 'skip', '10:10', '10:11:00', 9),
      (5, 'skip', '10:10', '10:11:01', 9),
      (6, 'skip', '10:10', '10:40:30', 9),
      (7, 'skip', '10:10', '10:45:00', 9),
      (8, 'once', '10:10', '10:45:00', 9),
      (9, 'all', '10:10', '10:45:00', 9),
      (10, 'all', '10:10', '10:45:00', 2),
      -- Not yet, as when the clock was put back.
      (11, 'skip', '10:20', '10:10:02', 9),
      (12, 'once', '10:20', '10:10:02', 9),
      (13, 'all', '10:20', '10:10:02', 9)
    ) as c (number, missed, since, now, most)
    order by c.number
  $$,
  array[
    '10:10, next 10:20', '10:10, next 10:20', '10:10, next 10:20',
    '10:10, next 10:20', ', next 10:20', '10:40, next 10:50', ', next 10:50',
    '10:10, next 10:50', '10:10 10:20 10:30 10:40, next 10:50', '10:10 10:20, next 10:30',
    ', next 10:20', ', next 10:20', ', next 10:20'
  ],
  'what is due, as it says of missed times'
);

select results_eq(
  $$
    select s.last_run_at, s.last_job_id is not null
    from jobs.schedules as s
    where s.name in ('due 9', 'due 7')
    order by s.name
  $$,
  $$ values (null::timestamptz, false), ('2026-03-01 10:40Z', true) $$,
  'it is known what came last'
);
select is_empty(
  $$ select from jobs.schedules as s where s.last_error is not null $$,
  'nothing is left of an earlier error'
);
select throws_ok(
  $$ select jobs.run_due('nosuch', now(), 1) $$, 'P0002', null, 'only what is there'
);

set local role service_role;
select throws_ok(
  $$ select jobs.run_due('due 1', now(), 1) $$, '42501', null, 'a part of run_schedules alone'
);

select * from finish();
