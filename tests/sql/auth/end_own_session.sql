select plan(7);

set local role service_role;
create temp table made as
  select auth.make_user('ada@endown.test', null, 'hash') as id,
    auth.make_user('bob@endown.test', null, 'hash') as bob;
create temp table opened as
  select auth.open_session(m.id, 'password') as one, auth.open_session(m.id, 'otp') as other,
    auth.open_session(m.bob, 'otp') as bobs,
    (auth.impersonate(m.id, 'a ticket') ->> 'session_id')::uuid as acting
  from made as m;
grant select on made, opened to public;
select is(auth.end_own_session(o.one, m.id, o.other), '{"ended": 1}', 'another of theirs')
from made as m, opened as o;
select is(auth.end_own_session(o.one, m.id, o.bobs), '{"ended": 0}', 'none of others')
from made as m, opened as o;
select is(
  auth.end_own_session(o.other, m.id, o.one), '{"error": "session_not_found"}', 'by one that ended'
)
from made as m, opened as o;
select throws_ok(
  $$ select auth.end_own_session(o.acting, m.id, o.one) from made as m, opened as o $$,
  '42501', null, 'nor by who acts in their place'
);
select is(auth.end_own_session(o.one, m.id, null), '{"ended": 1}', 'or this one')
from made as m, opened as o;
reset role;
select is(count(*), 1::bigint, 'that of others stays')
from auth.sessions as s
join opened as o on o.bobs = s.id;
set local role authenticated;
select throws_ok(
  $$ select auth.end_own_session(o.one, m.id, o.one) from made as m, opened as o $$,
  '42501', null, 'a process asks, not a client'
);

select * from finish();
