select plan(4);

select set_config('timezone', 'Asia/Tokyo', true);
select is(
  auth.time_text('2026-01-02 03:04:05.006+00'), '2026-01-02T03:04:05.006000Z',
  'a time in UTC, whatever the zone of the session'
);
select is(
  auth.time_text('2026-01-02 03:04:05+09'), '2026-01-01T18:04:05.000000Z', 'from any other'
);
select is(auth.time_text(null), null, 'none is none');

set local role service_role;
select throws_ok($$ select auth.time_text(now()) $$, '42501', null, 'for functions of ours');

select * from finish();
