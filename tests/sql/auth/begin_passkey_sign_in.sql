select plan(4);

set local role service_role;
select is(auth.begin_passkey_sign_in(), '{"error": "passkey_disabled"}', 'off unless it is on');
select is(auth.set_setting('passkeys_enabled', 'true'), 'true', 'on');
select is(auth.begin_passkey_sign_in() ? 'relying_party', true, 'to whom they belong');

set local role authenticated;
select throws_ok(
  $$ select auth.begin_passkey_sign_in() $$, '42501', null, 'not for users'
);

select * from finish();
