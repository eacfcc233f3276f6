select plan(3);

set local role service_role;
create temp table opened as
  select auth.open_session(auth.make_user('ada@grant.test', null, 'hash'), 'password') as session;
select ok(
  auth.grant_of(o.session) @> jsonb_build_object(
    'session_id', o.session, 'counter', 0,
    'claims', jsonb_build_object('email', 'ada@grant.test', 'session_id', o.session),
    'user', jsonb_build_object('email', 'ada@grant.test')
  ),
  'what an answer to a sign-in is made of'
)
from opened as o;
select is(auth.grant_of(gen_random_uuid()), null, 'no session');

set local role authenticated;
select throws_ok($$ select auth.grant_of(gen_random_uuid()) $$, '42501', null, 'not for users');

select * from finish();
