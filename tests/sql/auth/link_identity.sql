select plan(9);

select auth.make_user('ada@example.com', null, null) as id into temp ada;
select auth.make_user(null, null, null) as id into temp someone;
select auth.make_user(null, null, null) as id into temp another;
grant select on ada, someone, another to service_role;

set local role service_role;
select is(
  auth.link_identity(id, 'google', '1', '{}'), '{"error": "manual_linking_disabled"}',
  'a setting has to say so'
)
from ada;
select auth.set_setting('manual_linking_enabled', 'true');

select is(
  auth.link_identity(id, 'google', '1', '{"sub": "1", "email": "x@example.com"}') ->> 'user_id',
  id::text, 'an account is linked'
)
from ada;
select is(
  auth.link_identity(id, 'google', '1', '{}') ->> 'message', 'Identity is already linked', 'once'
)
from ada;
select is(
  auth.link_identity(id, 'google', '1', '{}'),
  '{"error": "identity_already_exists", "message": "Identity is already linked to another user"}',
  'to one'
)
from someone;
select is(
  auth.link_identity(gen_random_uuid(), 'google', '2', '{}'), '{"error": "user_not_found"}',
  'who is there'
);

select auth.link_identity(id, 'google', '3', '{"email": "new@example.com", "email_verified": true}')
from someone;
select auth.link_identity(id, 'google', '4', '{"email": "ada@example.com", "email_verified": true}')
from another;
reset role;
select results_eq(
  $$ select u.email::text, u.is_anonymous, u.email_confirmed_at is not null
     from auth.users as u join someone using (id) $$,
  $$ values ('new@example.com', false, true) $$,
  'who was anonymous is so no more, and has the address'
);
select results_eq(
  $$ select u.email::text, u.is_anonymous from auth.users as u join another using (id) $$,
  $$ values (null::text, false) $$, 'unless another has it'
);
select is(
  (select u.email::text from auth.users as u join ada using (id)), 'ada@example.com',
  'who had one keeps it'
);

set local role authenticated;
select throws_ok(
  $$ select auth.link_identity(gen_random_uuid(), 'google', '1', '{}') $$, '42501', null,
  'not for users'
);

select * from finish();
