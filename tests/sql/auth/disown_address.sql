select plan(9);

select auth.make_user('ada@example.com', null, 'a hash', '{"evil": true}') as id into temp ada;
select auth.make_user('bob@example.com', null, 'a hash', '{"theme": "dark"}') as id into temp bob;
select auth.open_session(id, 'password') from ada;
insert into auth.one_time_tokens (user_id, token_type, token_hash, relates_to)
select id, 'confirmation_token', 'x', 'ada@example.com' from ada;
insert into auth.mfa_factors (user_id, factor_type, status, secret, friendly_name)
select id, 'totp', 'verified', 'fbs1.k.AAAA', 'app' from ada;
insert into auth.webauthn_credentials (user_id, credential_id, public_key)
select id, 'x', 'y' from ada;
update auth.users as u
set phone = '15550001', phone_confirmed_at = now()
from bob
where u.id = bob.id;
insert into auth.identities (user_id, provider, provider_id, identity_data)
select id, 'phone', '15550001', '{}' from bob;

select is(auth.disown_address(id), true, 'who has nothing else leaves the user') from ada;
select results_eq(
  $$ select u.email::text, u.encrypted_password::text, u.raw_user_meta_data
     from auth.users as u join ada using (id) $$,
  $$ values ('ada@example.com', null::text, '{}'::jsonb) $$,
  'without the password, and what they said of themselves'
);
select is_empty($$ select s.id from auth.sessions as s $$, 'they are signed out');
select is_empty(
  $$ select m.id from auth.mfa_factors as m union all
     select w.id from auth.webauthn_credentials as w $$,
  'no factor and no passkey of theirs is left'
);
select is_empty($$ select t.id from auth.one_time_tokens as t $$, 'their links are void');
select is_empty(
  $$ select i.* from auth.identities as i join ada on ada.id = i.user_id $$,
  'nothing leads back'
);

select is(auth.disown_address(id), false, 'who has a phone keeps the user') from bob;
select results_eq(
  $$ select u.email::text, u.phone, u.raw_user_meta_data, u.raw_app_meta_data -> 'providers'
     from auth.users as u join bob using (id) $$,
  $$ values (null::text, '15550001', '{"theme": "dark"}'::jsonb, '["phone"]'::jsonb) $$,
  'without the address'
);

set local role service_role;
select throws_ok(
  $$ select auth.disown_address(gen_random_uuid()) $$, '42501', null,
  'it decides nothing, so it is for functions that do'
);

select * from finish();
