select plan(9);

set local role service_role;
create temp table made as
  select auth.make_user('ada@begin-passkey-registration.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@begin-passkey-registration.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001700000001'::uuid;
create function pg_temp.g() returns uuid language sql immutable
return '00000000-0000-4000-8000-001800000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;

set local role service_role;
select is(
  auth.begin_passkey_registration(o.one), '{"error": "passkey_disabled"}', 'off unless it is on'
)
from opened as o;
select is(auth.set_setting('passkeys_enabled', 'true'), 'true', 'on');
select is(
  auth.begin_passkey_registration(o.one) ->> 'account', 'ada@begin-passkey-registration.test',
  'for whom'
)
from opened as o;
select is(
  jsonb_array_length(auth.begin_passkey_registration(o.one) -> 'credentials'), 1, 'who has these'
)
from opened as o;
select is(
  auth.begin_passkey_registration(gen_random_uuid()), '{"error": "session_not_found"}', 'nobody'
);
select is(auth.set_setting('passkeys_max', '1'), '1', 'there may be one');
select is(
  auth.begin_passkey_registration(o.one), '{"error": "too_many_passkeys"}', 'and no two'
)
from opened as o;
reset role;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.g(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

set local role service_role;
select is(
  auth.begin_passkey_registration(o.one), '{"error": "insufficient_aal"}',
  'who has a second factor must show it'
)
from opened as o;

set local role authenticated;
select throws_ok(
  $$ select auth.begin_passkey_registration(null) $$, '42501', null, 'not for users'
);

select * from finish();
