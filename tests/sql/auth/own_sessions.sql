select plan(4);

set local role service_role;
create temp table made as select auth.make_user('ada@own.test', null, 'hash') as id;
create temp table opened as
  select auth.open_session(m.id, 'password') as one, auth.open_session(m.id, 'otp') as other
  from made as m;
select is(
  (
    select jsonb_object_agg(l.session ->> 'id', l.session -> 'current')
    from jsonb_array_elements(auth.own_sessions(o.one, m.id)) as l (session)
  ),
  jsonb_build_object(o.one, true, o.other, false),
  'theirs, and which is this'
)
from made as m, opened as o;
select is(
  auth.own_sessions(gen_random_uuid(), m.id), '{"error": "session_not_found"}', 'no session'
)
from made as m;
select is(
  auth.own_sessions(o.one, gen_random_uuid()), '{"error": "user_not_found"}', 'nor one of others'
)
from opened as o;

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.own_sessions(gen_random_uuid(), gen_random_uuid()) $$, '42501', null,
  'a process asks, not a client'
);

select * from finish();
