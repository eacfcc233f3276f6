select plan(3);

set local role service_role;
create temp table made as
  select auth.make_user('ada@passkey-json.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@passkey-json.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001600000001'::uuid;
insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
select pg_temp.f(), m.ada, uuid_send(pg_temp.f()), '\x02', 5 from made as m;

select is(
  auth.passkey_json(pg_temp.f()) - 'created_at',
  format('{"id": "%s", "friendly_name": ""}', pg_temp.f())::jsonb,
  'what clients know'
);
select is(auth.passkey_json(gen_random_uuid()), null, 'none');
set local role service_role;
select throws_ok($$ select auth.passkey_json(null) $$, '42501', null, 'for functions of ours');

select * from finish();
