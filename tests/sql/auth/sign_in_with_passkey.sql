select plan(8);

set local role service_role;
create temp table made as
  select auth.make_user('ada@sign-in-with-passkey.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@sign-in-with-passkey.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-002100000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;

create function pg_temp.sign_in(n bigint) returns text language sql as $$
  select coalesce(d.doc ->> 'error', d.doc #>> '{claims,amr,0,method}') || ' '
    || coalesce(d.doc #>> '{claims,aal}', '')
  from made as m
  cross join auth.sign_in_with_passkey(m.ada, uuid_send(pg_temp.f()), sign_in.n) as d (doc);
$$;
set local role service_role;
select is(pg_temp.sign_in(6), 'passkey aal1', 'in');
select is(pg_temp.sign_in(6), 'webauthn_verification_failed ', 'a counter that has not grown');
select is(pg_temp.sign_in(0), 'webauthn_verification_failed ', 'or is gone');
select is(
  auth.sign_in_with_passkey(m.bob, uuid_send(pg_temp.f()), 9),
  '{"error": "webauthn_credential_not_found"}', 'not of another'
)
from made as m;
select is(auth.set_setting('passkeys_are_aal2', 'true'), 'true', 'if it is two factors');
select is(pg_temp.sign_in(7), 'passkey aal2', 'it is');
reset role;
update auth.users as u set banned_until = 'infinity' from made as m where u.id = m.ada;
set local role service_role;
select is(pg_temp.sign_in(8), 'user_banned ', 'not while banned');

set local role authenticated;
select throws_ok(
  $$ select auth.sign_in_with_passkey(null, null, 0) $$, '42501', null, 'not for users'
);

select * from finish();
