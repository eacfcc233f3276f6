select plan(3);

select is_empty(
  $$
    select c.zone, c.low, jobs.clock_change(c.zone, c.low, c.high)
    from (values
      ('Europe/Berlin', '2026-03-28 12:00Z'::timestamptz, '2026-03-29 12:00Z'::timestamptz,
       '2026-03-29 01:00Z'::timestamptz),
      ('Europe/Berlin', '2026-10-25 00:59:59.9Z', '2026-10-25 01:00Z', '2026-10-25 01:00Z'),
      ('Europe/Berlin', '2026-10-25 00:00:00.3Z', '2026-10-25 23:00:00.7Z', '2026-10-25 01:00Z'),
      ('Australia/Lord_Howe', '2026-04-04 00:00Z', '2026-04-05 00:00Z', '2026-04-04 15:00Z'),
      -- Before zones had whole minutes.
      ('Europe/Berlin', '1893-03-31Z', '1893-04-01Z', '1893-03-31 23:06:32Z')
    ) as c (zone, low, high, wanted)
    where jobs.clock_change(c.zone, c.low, c.high) is distinct from c.wanted
  $$,
  'the second of the change'
);

set local role service_role;
select is(
  jobs.clock_change('America/New_York', '2026-03-08 00:00Z', '2026-03-09 00:00Z'),
  '2026-03-08 07:00Z', 'for the service role'
);

set local role authenticated;
select throws_ok(
  $$ select jobs.clock_change('UTC', now(), now()) $$, '42501', null, 'not for users'
);

select * from finish();
