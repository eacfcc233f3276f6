select plan(23);

create temp table asked (expression text, zone text, after timestamptz, wanted timestamptz);

insert into asked
values
  ('30 2 * * *', 'UTC', '2026-03-28 02:30Z', '2026-03-29 02:30Z'),
  ('30 2 * * *', 'UTC', '2026-03-29 02:29:59.999999Z', '2026-03-29 02:30Z'),
  ('0 9 * * mon-fri', 'Asia/Kolkata', '2026-03-27 12:00Z', '2026-03-30 03:30Z'),
  ('0 * * * *', 'Asia/Kolkata', '2026-03-27 12:00Z', '2026-03-27 12:30Z'),
  ('@monthly', 'Asia/Kolkata', '2026-01-31 18:29Z', '2026-01-31 18:30Z'),
  ('0 0 29 2 *', 'Asia/Kolkata', '2026-01-01 00:00Z', '2028-02-28 18:30Z'),
  ('0 12 29 2 *', 'UTC', '2096-02-29 12:00Z', '2104-02-29 12:00Z'),
  ('0 12 29 2 *', 'America/New_York', '1896-03-01 12:00Z', '1904-02-29 17:00Z'),

  -- Berlin, 29 March: from 2:00 to 3:00 at 1:00 UTC.
  ('30 2 * * *', 'Europe/Berlin', '2026-03-28 01:30Z', '2026-03-29 01:00Z'),
  ('30 2 * * *', 'europe/berlin', '2026-03-29 01:00Z', '2026-03-30 00:30Z'),
  ('0,15,30 2 * * *', 'Europe/Berlin', '2026-03-29 00:59Z', '2026-03-29 01:00Z'),
  ('0,15,30 2 * * *', 'Europe/Berlin', '2026-03-29 01:00Z', '2026-03-30 00:00Z'),
  ('0 2,3 * * *', 'Europe/Berlin', '2026-03-29 00:00Z', '2026-03-29 01:00Z'),
  ('0 2,3 * * *', 'Europe/Berlin', '2026-03-29 01:00Z', '2026-03-30 00:00Z'),
  ('*/30 * * * *', 'Europe/Berlin', '2026-03-29 00:30Z', '2026-03-29 01:00Z'),
  ('30 * * * *', 'Europe/Berlin', '2026-03-29 00:30Z', '2026-03-29 01:30Z'),
  ('*/30 2 * * *', 'Europe/Berlin', '2026-03-28 12:00Z', '2026-03-30 00:00Z'),
  ('0 */2 * * *', 'Europe/Berlin', '2026-03-29 00:00Z', '2026-03-29 02:00Z'),
  -- 25 October: from 3:00 to 2:00 at 1:00 UTC.
  ('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00Z', '2026-10-25 00:30Z'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30Z', '2026-10-26 01:30Z'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-25 01:10Z', '2026-10-26 01:30Z'),
  ('0-59 2 * * *', 'Europe/Berlin', '2026-10-25 00:59Z', '2026-10-26 01:00Z'),
  ('0 2,3 * * *', 'Europe/Berlin', '2026-10-25 00:00Z', '2026-10-25 02:00Z'),
  ('30 * * * *', 'Europe/Berlin', '2026-10-25 00:30Z', '2026-10-25 01:30Z'),
  ('10 * * * *', 'Europe/Berlin', '2026-10-25 00:20Z', '2026-10-25 01:10Z'),
  ('*/30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30Z', '2026-10-25 01:00Z'),
  ('*/30 2 * * *', 'Europe/Berlin', '2026-10-25 01:30Z', '2026-10-26 01:00Z'),
  ('0 0 * * *', 'Europe/Berlin', '2026-10-24 22:00Z', '2026-10-25 23:00Z'),

  -- New York, 8 March: from 2:00 to 3:00 at 7:00 UTC; 1 November: to 1:00 at 6:00 UTC.
  ('30 2 * * *', 'America/New_York', '2026-03-08 06:00Z', '2026-03-08 07:00Z'),
  ('30 2 * * *', 'America/New_York', '2026-03-08 07:00Z', '2026-03-09 06:30Z'),
  ('15 * * * *', 'America/New_York', '2026-03-08 06:15Z', '2026-03-08 07:15Z'),
  ('30 1 * * *', 'America/New_York', '2026-11-01 00:00Z', '2026-11-01 05:30Z'),
  ('30 1 * * *', 'America/New_York', '2026-11-01 05:30Z', '2026-11-02 06:30Z'),
  ('*/15 * * * *', 'America/New_York', '2026-11-01 05:45Z', '2026-11-01 06:00Z'),

  -- Lord Howe, half an hour: 4 October from 2:00 to 2:30, at 15:30 UTC of the day before;
  -- 5 April from 2:00 to 1:30, at 15:00 UTC of the day before.
  ('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03 00:00Z', '2026-10-03 15:30Z'),
  ('45 2 * * *', 'Australia/Lord_Howe', '2026-10-03 00:00Z', '2026-10-03 15:45Z'),
  ('15 * * * *', 'Australia/Lord_Howe', '2026-10-03 14:45Z', '2026-10-03 16:15Z'),
  ('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04 00:00Z', '2026-04-04 14:45Z'),
  ('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04 14:45Z', '2026-04-05 15:15Z'),
  ('*/15 * * * *', 'Australia/Lord_Howe', '2026-04-04 14:45Z', '2026-04-04 15:00Z'),
  ('45 * * * *', 'Australia/Lord_Howe', '2026-04-04 14:45Z', '2026-04-04 15:15Z'),

  -- Beirut changes at midnight: 29 March 2026 begins at 1:00. Apia left out 30 December 2011.
  ('@daily', 'Asia/Beirut', '2026-03-28 12:00Z', '2026-03-28 22:00Z'),
  ('@daily', 'Asia/Beirut', '2026-03-28 22:00Z', '2026-03-29 21:00Z'),
  ('0 12 30 12 *', 'Pacific/Apia', '2011-12-01 00:00Z', '2011-12-30 10:00Z'),

  ('@every 90 seconds', 'Asia/Kolkata', '1970-01-01 00:00Z', '1970-01-01 00:01:30Z'),
  ('@every 90 seconds', 'UTC', '1970-01-01 00:01:29.5Z', '1970-01-01 00:01:30Z'),
  ('@every 1 h', 'Europe/Berlin', '2026-03-29 00:30Z', '2026-03-29 01:00Z'),
  ('@every 1 day', 'UTC', '1969-12-30 12:00Z', '1969-12-31 00:00Z'),
  ('@hourly', 'Etc/GMT+3', '2026-03-29 00:30Z', '2026-03-29 01:00Z');

select is_empty(
  $$
    select a.expression, a.zone, a.after, a.wanted, n.at
    from asked as a
    cross join lateral jobs.cron_next(a.expression, a.zone, a.after) as n (at)
    where n.at is distinct from a.wanted
  $$,
  'each when it is due'
);

set local timezone = 'America/New_York';
set local datestyle = 'german, dmy';
set local intervalstyle = 'iso_8601';
select is_empty(
  $$
    select a.expression, a.zone, a.after, a.wanted, n.at
    from asked as a
    cross join lateral jobs.cron_next(a.expression, a.zone, a.after) as n (at)
    where n.at is distinct from a.wanted
  $$,
  'whatever the session is set to'
);

select is(
  jobs.cron_next('* * * * *'), date_trunc('minute', now()) + interval '1 min',
  'in UTC and from now on, if nothing else is said'
);
select is(jobs.cron_next(null), null, 'nothing comes of nothing');

select throws_ok(
  format('select jobs.cron_next(%L, %L)', '@daily', z.zone), '22023', null,
  format('%L is no time zone', z.zone)
)
from (values
  ('CET'), ('PST'), ('abc5'), ('UTC+2'), ('Foo/Bar5'), ('Foo/Bar'), (''), ('<+05>-5'),
  ('../etc/passwd'), ('Europe/'), ('Etc/GMT+100')
) as z (zone);

select throws_ok(
  format('select jobs.cron_next(%L)', e.text), '22023', null, format('%L', e.text)
)
from (values ('0 0 30 2 *'), ('@every 0 s'), ('0 24 * * *'), ('* * * * * *')) as e (text);
select throws_ok(
  $$ select jobs.cron_next('@daily', after => 'infinity') $$, '22023', null, 'no end of time'
);
select throws_ok(
  $$ select jobs.cron_next('@every 1h', after => 'infinity') $$, '22023', null, 'nor by periods'
);

set local role service_role;
select isnt(jobs.cron_next('* * * * *'), null, 'for the service role');

set local role authenticated;
select throws_ok($$ select jobs.cron_next('* * * * *') $$, '42501', null, 'not for users');

select * from finish();
