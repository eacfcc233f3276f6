select plan(5);

insert into auth.ended_sessions (session_id, forget_at)
values
  ('00000000-0000-4000-8000-000000000001', now() + interval '1 h'),
  ('00000000-0000-4000-8000-000000000002', now() + interval '1 h');

set local role authenticator;
select is(
  auth.check_sessions(array[
    '00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000003'
  ]::uuid[]) -> 'ended',
  '["00000000-0000-4000-8000-000000000002"]', 'those of the list that have ended'
);
select is(auth.check_sessions('{}'), '{"keys": [], "ended": []}', 'none is none');
reset role;
set local role fluxbase_replication;
select is(
  auth.check_sessions('{}') - 'ended', auth.jwks(), 'and the keys, in the same look'
);
reset role;
set local role service_role;
select throws_ok($$ select auth.check_sessions('{}') $$, '42501', null, 'for the processes alone');
reset role;
set local role authenticated;
select throws_ok($$ select auth.check_sessions('{}') $$, '42501', null, 'not for users');

select * from finish();
