select plan(3);

set local role service_role;
create temp table made as
  select auth.make_user('ada@list-passkeys.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@list-passkeys.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-002200000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;

set local role service_role;
select is(
  auth.list_passkeys(m.ada) #>> '{0,id}', pg_temp.f()::text, 'those of a user'
)
from made as m;
select is(auth.list_passkeys(m.bob), '[]', 'who may have none') from made as m;

set local role authenticated;
select throws_ok(
  $$ select auth.list_passkeys(null) $$, '42501', null, 'not for users'
);

select * from finish();
