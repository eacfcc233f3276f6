select plan(21);

set local role service_role;
select auth.set_oauth_provider('google', '{"client_id": "us"}');
select auth.set_oauth_provider('github', '{"client_id": "us"}');
select auth.set_oauth_provider('discord', '{"client_id": "us", "email_optional": true}');

select matches(
  auth.user_of_identity(
    'google', '1', '{"sub": "1", "email": "Ada@Example.com", "email_verified": true, "name": "A"}'
  )::text,
  '^{"user_id": ', 'who is new becomes a user'
);
reset role;
select results_eq(
  $$ select u.email::text, u.email_confirmed_at is not null, u.encrypted_password::text,
       u.raw_app_meta_data, u.raw_user_meta_data ->> 'name', u.is_anonymous
     from auth.users as u $$,
  $$ values (
    'ada@example.com', true, null::text,
    '{"provider": "google", "providers": ["google"]}'::jsonb, 'A', false
  ) $$,
  'whose address is confirmed'
);
select u.id into temp ada from auth.users as u;
grant select on ada to service_role;
set local role service_role;

select is(
  auth.user_of_identity('google', '1', '{"sub": "1", "picture": "p"}') ->> 'user_id', id::text,
  'the same account leads to the same user, whatever became of the address'
)
from ada;
reset role;
select is(
  (select i.identity_data from auth.identities as i),
  '{"sub": "1", "name": "A", "picture": "p"}',
  'what is told once stays, an address that is told no more does not'
);
set local role service_role;

select is(
  auth.user_of_identity('github', '9', '{"email": "ada@example.com", "email_verified": true}')
    ->> 'user_id',
  id::text, 'an address that both have verified leads to its user'
)
from ada;
select is(
  auth.user_of_identity('github', '10', '{"email": "ada@example.com", "email_verified": false}'),
  '{"error": "provider_email_needs_verification"}', 'one that is not verified leads nowhere'
);
select is(
  auth.user_of_identity('github', '10', '{"email": "ada@example.com"}'),
  '{"error": "provider_email_needs_verification"}', 'nor one of which nothing is said'
);
select is(
  auth.user_of_identity('github', '10', '{"email": ""}'),
  '{"error": "email_address_not_provided"}', 'there must be one'
);
select isnt(
  auth.user_of_identity('discord', '3', '{"email": "ada@example.com", "email_verified": false}')
    ->> 'user_id',
  id::text, 'unless the provider need not tell it: that is another user'
)
from ada;
reset role;
select is(
  (select u.email from auth.users as u
   join auth.identities as i on i.user_id = u.id where i.provider = 'discord'),
  null, 'who has no address here'
);
set local role service_role;

select auth.set_setting('link_verified_emails', 'false');
select is(
  auth.user_of_identity('github', '11', '{"email": "ada@example.com", "email_verified": true}'),
  '{"error": "email_exists"}', 'a setting keeps accounts apart'
);
select auth.set_setting('link_verified_emails', 'true');

select auth.set_setting('disable_signup', 'true');
select is(
  auth.user_of_identity('google', '2', '{"email": "new@example.com", "email_verified": true}'),
  '{"error": "signup_disabled"}', 'nobody is new where nobody may sign up'
);
select is(
  auth.user_of_identity('google', '1', '{"sub": "1"}') ->> 'user_id', id::text,
  'who is not, comes in'
)
from ada;
select auth.set_setting('disable_signup', 'false');

reset role;
update auth.users as u
set banned_until = now() + interval '1 h'
from ada
where u.id = ada.id;
set local role service_role;
select is(
  auth.user_of_identity('google', '12', '{"email": "ada@example.com", "email_verified": true}'),
  '{"error": "user_banned"}', 'nothing is linked to who is banned'
);

-- Somebody signs up with another's address, and waits for them.
reset role;
select auth.make_user('eve@example.com', null, 'the hash of the attacker', '{"evil": true}') as id
into temp eve;
grant select on eve to service_role;
set local role service_role;
select is(
  auth.user_of_identity('google', '5', '{"email": "eve@example.com", "email_verified": true}')
    ->> 'user_id',
  id::text, 'the owner gets the user'
)
from eve;
reset role;
select results_eq(
  $$ select u.encrypted_password::text, u.raw_user_meta_data ? 'evil',
       u.email_confirmed_at is not null, u.raw_app_meta_data -> 'providers'
     from auth.users as u join eve using (id) $$,
  $$ values (null::text, false, true, '["google"]'::jsonb) $$, 'and the attacker loses it'
);

-- While addresses count without a mail, a confirmed one may be anybody's.
select auth.set_setting('mailer_autoconfirm', 'true');
select auth.make_user('dan@example.com', null, 'a hash', '{}', true) as id into temp dan;
select is(
  auth.user_of_identity('google', '6', '{"email": "dan@example.com", "email_verified": true}')
    ->> 'user_id',
  id::text, 'the owner gets the user of an address that counts without a mail'
)
from dan;
select is(
  (select u.encrypted_password from auth.users as u join dan using (id)), null,
  'whose password ends'
);
select is(
  auth.user_of_identity('github', '6', '{"email": "dan@example.com", "email_verified": true}')
    ->> 'user_id',
  id::text, 'who was shown to be the owner stays so'
)
from dan;

update auth.users as u
set deleted_at = now()
from dan
where u.id = dan.id;
select is(
  auth.user_of_identity('google', '13', '{"email": "dan@example.com", "email_verified": true}'),
  '{"error": "user_not_found"}', 'nobody becomes who was deleted'
);

set local role authenticated;
select throws_ok(
  $$ select auth.user_of_identity('google', '1', '{}') $$, '42501', null, 'not for users'
);

select * from finish();
