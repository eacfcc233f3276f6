select plan(6);

set local role service_role;
create temp table made as select auth.make_user('ada@list.test', null, 'hash') as id;
create temp table opened as
  select auth.open_session(m.id, 'password', 'Browser', '192.0.2.7') as session from made as m;
grant select on made, opened to public;
select is(
  auth.list_sessions(m.id) #- '{0,created_at}',
  jsonb_build_array(jsonb_build_object(
    'id', o.session, 'refreshed_at', null, 'not_after', null, 'user_agent', 'Browser',
    'ip', '192.0.2.7', 'aal', 'aal1', 'methods', jsonb_build_array('password'),
    'impersonator', null
  )),
  'where they are signed in'
)
from made as m, opened as o;
select auth.open_session(m.id, 'otp') from made as m;
select is(auth.list_sessions(m.id) #>> '{0,methods,0}', 'otp', 'the newest first')
from made as m;

reset role;
update auth.sessions as s
set not_after = now() - interval '1 s'
from opened as o
where s.id = o.session;
set local role service_role;
select is(jsonb_array_length(auth.list_sessions(m.id)), 1, 'none that is over') from made as m;
select is(auth.list_sessions(gen_random_uuid()), '{"error": "user_not_found"}', 'nobody');
select auth.end_sessions(m.id) from made as m;
select is(auth.list_sessions(m.id), '[]', 'nowhere') from made as m;

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.list_sessions(gen_random_uuid()) $$, '42501', null, 'not for users'
);

select * from finish();
