select plan(12);

select results_eq(
  $$ select f.minutes, f.hours, f.days, f.months, f.weekdays, f.is_any_day, f.is_fixed
     from jobs.cron_fields(E' 0\t1  2 3 4\n') as f $$,
  $$ values (1::bigint, 2::bigint, 4::bigint, 8::bigint, 16::bigint, true, true) $$,
  'five fields, whatever is between them'
);

select results_eq(
  $$
    select f.is_any_day, f.is_fixed
    from (values
      (1, '0 1 1 * *'), (2, '0 1 * * 1'), (3, '0 1 */2 * 1'), (4, '0 1 1,15 * 1-5'),
      (5, '* 1 * * *'), (6, '0 * * * *'), (7, '*/5 1 * * *'), (8, '0 */2 * * *'),
      (9, '0-59 1 * * *')
    ) as e (n, text)
    cross join jobs.cron_fields(e.text) as f
    order by e.n
  $$,
  $$
    values
      (false, true), (false, true), (false, true), (true, true),
      (false, false), (false, false), (false, false), (false, false), (false, true)
  $$,
  'either day is meant if neither begins with *; a time is fixed in the same way'
);

select results_eq(
  $$
    select jobs.cron_fields(n.name)::text
    from (values
      (1, '@yearly'), (2, '@annually'), (3, '@monthly'), (4, '@weekly'), (5, '@daily'),
      (6, '@MIDNIGHT'), (7, '@hourly')
    ) as n (n, name)
    order by n.n
  $$,
  $$
    select jobs.cron_fields(e.text)::text
    from (values
      (1, '0 0 1 1 *'), (2, '0 0 1 1 *'), (3, '0 0 1 * *'), (4, '0 0 * * sun'), (5, '0 0 * * *'),
      (6, '0 0 * * *'), (7, '0 * * * *')
    ) as e (n, text)
    order by e.n
  $$,
  'names of common ones'
);

select throws_ok(
  format('select jobs.cron_fields(%L)', e.text), '22023',
  format('cron: %L has not five fields', e.text), format('%L', e.text)
)
from (values
  (''), ('* * * *'), ('0 * * * * *'), ('@reboot'), ('@dayly'), ('@every 5 min')
) as e (text);
select throws_ok(
  $$ select jobs.cron_fields('0 0 * mars *') $$, '22023', 'cron: ''mars'' is no month',
  'a field that cannot be'
);

set local role service_role;
select isnt_empty($$ select from jobs.cron_fields('* * * * *') $$, 'for the service role');

set local role authenticated;
select throws_ok($$ select jobs.cron_fields('* * * * *') $$, '42501', null, 'not for users');

select * from finish();
