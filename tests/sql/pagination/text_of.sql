select plan(5);

set local datestyle = 'SQL, DMY';
set local intervalstyle = 'sql_standard';
set local extra_float_digits = -3;

select is(
  pagination.text_of('2024-02-03 04:05:06.000001+00'::timestamptz at time zone 'UTC'),
  '2024-02-03 04:05:06.000001', 'a time, whatever the style of dates'
);
select is(
  pagination.text_of('-1 mon +1 day'::interval), '-1 mons +1 day', 'an interval'
);
select is(pagination.text_of(0.30000000000000004::double precision), '0.30000000000000004',
  'a number to its last digit');
select is(pagination.text_of(null::date), null, 'null');
select is(
  pagination.text_of('-1 mon +1 day'::interval)::interval, '-1 mon +1 day'::interval,
  'it is read back under any settings'
);

select * from finish();
