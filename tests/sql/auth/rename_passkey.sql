select plan(4);

set local role service_role;
create temp table made as
  select auth.make_user('ada@rename-passkey.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@rename-passkey.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-002300000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;

set local role service_role;
select is(auth.rename_passkey(m.ada, pg_temp.f(), 'key') ->> 'friendly_name', 'key', 'renamed')
from made as m;
select is(
  auth.rename_passkey(m.bob, pg_temp.f(), 'x'), '{"error": "webauthn_credential_not_found"}',
  'not of another'
)
from made as m;
select throws_ok(
  $$ select auth.rename_passkey(m.ada, pg_temp.f(), repeat('x', 121)) from made as m $$,
  '23514', null, 'names are short'
);

set local role authenticated;
select throws_ok(
  $$ select auth.rename_passkey(null, null, '') $$, '42501', null, 'not for users'
);

select * from finish();
