select plan(29);

create function pg_temp.numbers(field text, content text)
  returns text
  language sql
as $$
  select string_agg(n::text, ' ' order by n)
  from generate_series(0, 62) as n
  where (jobs.cron_field(field, content) >> n) & 1 = 1;
$$;

select results_eq(
  $$
    select pg_temp.numbers(f.field, f.content)
    from (values
      (1, 'minute', '*/20'), (2, 'minute', '5'), (3, 'minute', '50/4'), (4, 'minute', '59,0-2,1'),
      (5, 'hour', '*'), (6, 'hour', '9-17/4'), (7, 'day of the month', '*/10'),
      (8, 'day of the month', '31'), (9, 'month', '*'), (10, 'month', 'Jan,JUN-aug'),
      (11, 'day of the week', '*'), (12, 'day of the week', '7'), (13, 'day of the week', '5-7'),
      (14, 'day of the week', 'sat-sun'), (15, 'day of the week', 'sun-tue'),
      (16, 'day of the week', '*/2'), (17, 'day of the week', 'sun-sun'), (18, 'hour', '007')
    ) as f (n, field, content)
    order by f.n
  $$,
  array[
    '0 20 40', '5', '50 54 58', '0 1 2 59',
    '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23', '9 13 17', '1 11 21 31',
    '31', '1 2 3 4 5 6 7 8 9 10 11 12', '1 6 7 8',
    '0 1 2 3 4 5 6', '0', '0 5 6',
    '0 6', '0 1 2',
    '0 2 4 6', '0', '7'
  ],
  'numbers, names, ranges, steps and lists'
);

select throws_ok(
  format('select jobs.cron_field(%L, %L)', f.field, f.content), '22023', null,
  format('%L is no %s', f.content, f.field)
)
from (values
  ('minute', '60'), ('hour', '24'), ('day of the month', '0'), ('day of the month', '32'),
  ('month', '0'), ('month', '13'), ('day of the week', '8'), ('minute', '10-5'), ('minute', ''),
  ('minute', '1,'), ('minute', '*/0'), ('minute', '*/61'), ('minute', '-1'), ('minute', '1-'),
  ('minute', '1-2-3'), ('minute', '1/2/3'), ('minute', '99999'), ('minute', 'jan'),
  ('month', 'mon'), ('day of the week', 'fri-mon'), ('hour', '*5'), ('hour', '1.5'), ('hour', '?'),
  ('month', 'january'), ('month', '*-2')
) as f (field, content);

create function pg_temp.hint(statement text)
  returns text
  language plpgsql
as $$
declare
  v_hint text;
begin
  execute statement;
  return 'no error';
exception
  when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return concat(sqlerrm, ': ', v_hint);
end;
$$;

select is(
  pg_temp.hint($$ select jobs.cron_field('day of the week', '8') $$),
  'cron: ''8'' is no day of the week: Write numbers from 0 to 7 (0 and 7 are Sunday) or names from '
  'sun to sat, ranges of them from low to high (1-4), * for all, steps of 1 to 7 in either (*/2, '
  '1-4/2), or several of these with commas.',
  'the hint says what it can'
);

set local role service_role;
select is(jobs.cron_field('minute', '0'), 1::bigint, 'for the service role');

set local role authenticated;
select throws_ok($$ select jobs.cron_field('minute', '0') $$, '42501', null, 'not for users');

select * from finish();
