select plan(6);

create function pg_temp.wall(expression text, since timestamp)
  returns timestamp
  language sql
as $$
  select jobs.cron_wall(f.minutes, f.hours, f.days, f.months, f.weekdays, f.is_any_day, since)
  from jobs.cron_fields(expression) as f;
$$;

select is_empty(
  $$
    select w.text, w.since, pg_temp.wall(w.text, w.since), w.wanted
    from (values
      ('* * * * *', '2026-03-01 10:20', '2026-03-01 10:20'),
      ('20 10 1 3 *', '2026-03-01 10:20', '2026-03-01 10:20'),
      ('20 10 1 3 *', '2026-03-01 10:21', '2027-03-01 10:20'),
      ('19 * * * *', '2026-03-01 10:20', '2026-03-01 11:19'),
      ('19 0-10 * * *', '2026-03-01 10:20', '2026-03-02 00:19'),
      ('0 0 31 * *', '2026-03-31 00:01', '2026-05-31 00:00'),
      ('0 0 * * mon', '2026-12-30 00:00', '2027-01-04 00:00'),
      ('59 23 31 12 *', '2026-12-31 23:59', '2026-12-31 23:59'),
      -- Both fields for days begin with no *: either. Else both.
      ('0 0 13 * fri', '2026-03-07 00:00', '2026-03-13 00:00'),
      ('0 0 10 * fri', '2026-03-07 00:00', '2026-03-10 00:00'),
      ('0 0 */4 * fri', '2026-03-07 00:00', '2026-03-13 00:00'),
      ('0 0 1-7 * */7', '2026-03-07 00:00', '2026-04-05 00:00'),
      -- Leap years: 2028, 2000, not 2100.
      ('0 0 29 2 *', '2026-03-07 00:00', '2028-02-29 00:00'),
      ('0 0 29 2 *', '1999-03-07 00:00', '2000-02-29 00:00'),
      ('0 0 29 2 *', '2096-02-29 00:01', '2104-02-29 00:00'),
      ('0 0 29 2 */7', '2088-02-29 00:01', '2128-02-29 00:00'),
      ('0 0 30 2 fri', '2026-02-07 00:00', '2026-02-13 00:00')
    ) as c (text, since, wanted)
    cross join lateral (select c.text, c.since::timestamp, c.wanted::timestamp) as w
    where pg_temp.wall(w.text, w.since) is distinct from w.wanted
  $$,
  'the first date and minute that is meant'
);

select throws_ok(
  format('select pg_temp.wall(%L, %L)', d.text, '2026-01-01'), '22023',
  'cron: the day of the month never comes in these months', d.text
)
from (values ('0 0 30 2 *'), ('0 0 31 2,4,6,9,11 *'), ('0 0 31 apr */2')) as d (text);

set local role service_role;
select is(
  jobs.cron_wall(1, 1, 2, 2, 127, false, '2026-05-01'), timestamp '2027-01-01',
  'for the service role'
);

set local role authenticated;
select throws_ok(
  $$ select jobs.cron_wall(1, 1, 2, 2, 127, false, '2026-05-01') $$, '42501', null, 'not for users'
);

select * from finish();
