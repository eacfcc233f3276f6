select plan(6);

set local synchronous_commit = off;
set local role service_role;

select fluxbase.claim_consumer('mail', gen_random_uuid(), '-1 s', '7/1');
select lives_ok($$ select fluxbase.store_position('mail', 1, '7/1/16/B374D848') $$, 'it is stored');
select is(
  current_setting('synchronous_commit'), 'local',
  'and flushed at the commit, since the log may go then'
);
select is(
  (select c.position from fluxbase.claim_consumer('mail', gen_random_uuid(), '1 s', '7/1') as c),
  '7/1/16/B374D848',
  'whoever takes over goes on there'
);

select throws_ok(
  $$ select fluxbase.store_position('mail', 1, '7/1/16/B374D849') $$,
  '55000', 'another process does the work of mail now',
  'and the one before stores nothing more'
);

select throws_ok(
  $$ select fluxbase.store_position('mail', 2, 'somewhere') $$,
  '23514', null,
  'it must be a position'
);

set local role authenticated;

select throws_ok(
  $$ select fluxbase.store_position('mail', 2, '7/1/16/B374D849') $$,
  '42501', null,
  'a user may not'
);

select * from finish();
