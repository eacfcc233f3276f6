select plan(20);

select results_eq(
  $$
    select jobs.cron_period(e.text)
    from (values
      (1, '@every 90 seconds'), (2, ' @EVERY 1h30m '), (3, '@every 1 day 12 hours'),
      (4, '@every 2w'), (5, '@every 1 s'), (6, '@every 366 days'), (7, '@every 10 mins 5 secs'),
      (8, '* * * * *'), (9, '@everyday'), (10, '@daily'), (11, '@every 1 h 1 h')
    ) as e (n, text)
    order by e.n
  $$,
  array[
    90, 90 * 60, 36 * 3600, 14 * 86400, 1, 366 * 86400, 605, null, null, null, 7200
  ]::bigint[],
  'periods in seconds, and what is none'
);

select throws_ok(
  format('select jobs.cron_period(%L)', e.text), '22023', format('cron: %L is no period', e.text),
  format('%L', e.text)
)
from (values
  ('@every'), ('@every 5'), ('@every 0 s'), ('@every 367 days'), ('@every 1 month'),
  ('@every 1 mon'), ('@every 1 year'), ('@every -1 h'), ('@every 1.5 h'), ('@every h'),
  ('@every infinity'), ('@every 99999999 w 99999999 w 99999999 w 99999999 w'),
  ('@every 999999999 s'), ('@every 1 h ago'),
  ('@every 500 ms'), ('@every 1:30'), ('@every 1 hour; select 1')
) as e (text);

set local role service_role;
select is(jobs.cron_period('@every 1m'), 60::bigint, 'for the service role');

set local role authenticated;
select throws_ok($$ select jobs.cron_period('@every 1m') $$, '42501', null, 'not for users');

select * from finish();
