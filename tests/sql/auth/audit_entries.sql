select plan(5);

select set_config('request.jwt.claims', '{"role":"service_role","service_key":"boss"}', true);
select set_config('request.id', 'abc', true);
select set_config('request.address', '192.0.2.7', true);
set local role service_role;
create temp table made as select auth.make_user('ada@entries.test', null, 'hash') as id;
select auth.open_session(m.id, 'password') from made as m;
select is(
  auth.audit_entries(1, 1) #- '{0,id}' #- '{0,created_at}' #- '{0,payload,traits,session}',
  jsonb_build_array(jsonb_build_object(
    'ip_address', '192.0.2.7',
    'payload', jsonb_build_object(
      'actor_id', 'key:boss', 'actor_username', 'key:boss', 'actor_via_sso', false,
      'log_type', 'session', 'action', 'login',
      'traits', jsonb_build_object('user_id', m.id, 'method', 'password')
    )
  )),
  'the newest, by the name that clients know'
)
from made as m;
select is(
  auth.audit_entries(2, 1) #>> '{0,payload,action}', 'user_signedup', 'the one before'
);
select is(
  auth.audit_entries(1, 1, 'user.signed_up') #>> '{0,payload,action}', 'user_signedup', 'of a kind'
);
select is(auth.audit_entries(1, 1, 'nothing'), '[]', 'none');

reset role;
set local role authenticated;
select throws_ok($$ select auth.audit_entries() $$, '42501', null, 'not for users');

select * from finish();
