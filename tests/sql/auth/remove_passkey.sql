select plan(7);

set local role service_role;
create temp table made as
  select auth.make_user('ada@remove-passkey.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@remove-passkey.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-002400000001'::uuid;
create function pg_temp.g() returns uuid language sql immutable
return '00000000-0000-4000-8000-002500000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.g(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

set local role service_role;
select is(
  auth.remove_passkey(m.bob, pg_temp.f()), '{"error": "webauthn_credential_not_found"}',
  'not of another'
)
from made as m;
select is(
  auth.remove_passkey(m.ada, pg_temp.f(), o.one), '{"error": "insufficient_aal"}',
  'not without showing the second factor'
)
from made as m, opened as o;
select isnt(
  auth.sign_in_with_passkey(m.ada, uuid_send(pg_temp.f()), 6) ->> 'session_id', null, 'it opens'
)
from made as m;
select is(
  auth.remove_passkey(m.ada, pg_temp.f()) ->> 'id', pg_temp.f()::text, 'by an administrator'
)
from made as m;
reset role;
select results_eq(
  $$ select s.id from auth.sessions as s join made as m on m.ada = s.user_id order by 1 $$,
  $$ select unnest(array[o.one, o.two]) from opened as o order by 1 $$,
  'what it opened has ended, and nothing else'
);
set local role service_role;
select is(
  auth.remove_passkey(m.ada, pg_temp.f()), '{"error": "webauthn_credential_not_found"}',
  'it is gone'
)
from made as m;

set local role authenticated;
select throws_ok(
  $$ select auth.remove_passkey(null, null) $$, '42501', null, 'not for users'
);

select * from finish();
