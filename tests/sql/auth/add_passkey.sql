select plan(6);

set local role service_role;
create temp table made as
  select auth.make_user('ada@add-passkey.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@add-passkey.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.add(of_session uuid, name text default '') returns jsonb
language sql as $$
  select auth.add_passkey(
    add.of_session, '\x00000000000040008000002000000001', '\x02',
    '{"attestationType": "none", "transport": ["usb"], "flags": {"backupEligible": true},
      "authenticator": {"AAGUID": "AAECAwQFBgcICQoLDA0ODw==", "signCount": 7}}',
    add.name
  );
$$;
set local role service_role;
select is(pg_temp.add(o.one), '{"error": "passkey_disabled"}', 'off unless it is on')
from opened as o;
select is(auth.set_setting('passkeys_enabled', 'true'), 'true', 'on');
select is(pg_temp.add(o.one, 'key') ->> 'friendly_name', 'key', 'added') from opened as o;
select is(pg_temp.add(o.bobs), '{"error": "webauthn_credential_exists"}', 'of one user')
from opened as o;
reset role;
select results_eq(
  $$
    select w.aaguid, w.sign_count, w.transports, w.backup_eligible, w.backed_up
    from auth.webauthn_credentials as w
    where w.credential_id = '\x00000000000040008000002000000001'
  $$,
  $$
    values (
      '00010203-0405-0607-0809-0a0b0c0d0e0f'::uuid, 7::bigint, '["usb"]'::jsonb, true, false
    )
  $$,
  'as its device tells'
);

set local role authenticated;
select throws_ok(
  $$ select auth.add_passkey(null, null, null, null) $$, '42501', null, 'not for users'
);

select * from finish();
