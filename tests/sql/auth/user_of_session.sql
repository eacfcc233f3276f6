select plan(6);

set local role service_role;
create temp table made as
  select auth.make_user('ada@of.test', null, 'hash') as id,
    auth.make_user('bob@of.test', null, 'hash') as other;
create temp table opened as
  select auth.open_session(m.id, 'password') as session from made as m;
select is(
  auth.user_of_session(o.session, m.id) ->> 'email', 'ada@of.test', 'who the session is of'
)
from opened as o, made as m;
select is(
  auth.user_of_session(o.session, m.other), '{"error": "session_not_found"}', 'if it is theirs'
)
from opened as o, made as m;
select is(
  auth.user_of_session(gen_random_uuid(), m.id), '{"error": "session_not_found"}', 'no session'
)
from made as m;
select is(
  auth.user_of_session(o.session, gen_random_uuid()), '{"error": "user_not_found"}', 'nobody'
)
from opened as o;
select is(auth.user_of_session(null, null), '{"error": "user_not_found"}', 'nothing');

set local role authenticated;
select throws_ok(
  $$ select auth.user_of_session(gen_random_uuid(), gen_random_uuid()) $$, '42501', null,
  'not for users'
);

select * from finish();
