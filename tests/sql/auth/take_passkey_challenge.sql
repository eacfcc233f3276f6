select plan(10);

set local role service_role;
create temp table made as
  select auth.make_user('ada@take-passkey-challenge.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@take-passkey-challenge.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001900000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;

create function pg_temp.take(
  challenge jsonb, of_user uuid default null, credential bytea default null
)
returns text language sql as $$
  select coalesce(d.doc ->> 'error', d.doc ->> 'user_id')
  from auth.take_passkey_challenge(
    (take.challenge ->> 'challenge_id')::uuid, take.of_user, take.credential
  ) as d (doc);
$$;
set local role service_role;
select is(pg_temp.take('{}'), 'passkey_disabled', 'off unless it is on');
select is(auth.set_setting('passkeys_enabled', 'true'), 'true', 'on');
create temp table kept as
  select auth.keep_passkey_challenge(m.ada, '{}') as mine,
    auth.keep_passkey_challenge(null, '{}') as anybodys,
    auth.keep_passkey_challenge(null, '{}') as other,
    auth.keep_passkey_challenge(null, '{}') as late
  from made as m;
grant select on kept to public;
select is(pg_temp.take(k.mine, m.bob), 'webauthn_challenge_not_found', 'not of another')
from kept as k, made as m;
select is(pg_temp.take(k.mine), 'webauthn_challenge_not_found', 'nor to sign in') from kept as k;
select is(pg_temp.take(k.mine, m.ada), m.ada::text, 'one''s own') from kept as k, made as m;
select is(pg_temp.take(k.mine, m.ada), 'webauthn_challenge_not_found', 'once')
from kept as k, made as m;
select is(
  pg_temp.take(k.anybodys, null, uuid_send(pg_temp.f())), m.ada::text, 'whose the passkey is'
)
from kept as k, made as m;
select is(pg_temp.take(k.other, null, '\x00'), 'webauthn_credential_not_found', 'nobody''s')
from kept as k;
reset role;
update auth.webauthn_challenges as c
set expires_at = now() - interval '1 s'
from kept as k
where c.id::text = k.late ->> 'challenge_id';
set local role service_role;
select is(
  pg_temp.take(k.late, null, uuid_send(pg_temp.f())), 'webauthn_challenge_expired', 'too late'
)
from kept as k;

set local role authenticated;
select throws_ok(
  $$ select auth.take_passkey_challenge(null) $$, '42501', null, 'not for users'
);

select * from finish();
