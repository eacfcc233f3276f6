select plan(5);

insert into auth.ended_sessions (session_id, forget_at)
values
  ('00000000-0000-4000-8000-000000000001', to_timestamp(1000)),
  ('00000000-0000-4000-8000-000000000002', to_timestamp(1000.5)),
  ('00000000-0000-4000-8000-000000000003', to_timestamp(3000));

set local role fluxbase_replication;
select is(
  auth.read_ended_sessions('00000000-0000-0000-0000-000000000000', 2),
  E'00000000-0000-4000-8000-000000000001 1000\n00000000-0000-4000-8000-000000000002 1001',
  'a page; a second that is not over counts whole'
);
select is(
  auth.read_ended_sessions('00000000-0000-4000-8000-000000000002', 2),
  '00000000-0000-4000-8000-000000000003 3000', 'the next'
);
select is(
  auth.read_ended_sessions('00000000-0000-4000-8000-000000000003', 2), null, 'and its end'
);

reset role;
set local role authenticator;
select throws_ok(
  $$ select auth.read_ended_sessions('00000000-0000-0000-0000-000000000000', 2) $$,
  '42501', null, 'not for the login of requests'
);
reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.read_ended_sessions('00000000-0000-0000-0000-000000000000', 2) $$,
  '42501', null, 'not for users'
);

select * from finish();
