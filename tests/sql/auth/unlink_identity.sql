select plan(11);

select auth.make_user('ada@example.com', null, 'a hash') as id into temp ada;
select auth.open_session(id, 'password') as session into temp opened from ada;
select auth.make_user('taken@example.com', null, 'a hash') as id into temp taken;
create temp view mine as
select a.id as user_id, o.session, i.provider, i.id as identity_id
from auth.identities as i
join ada as a on a.id = i.user_id
cross join opened as o;
grant select on ada, opened, mine, taken to service_role;

set local role service_role;
select is(
  auth.unlink_identity(session, user_id, identity_id), '{"error": "manual_linking_disabled"}',
  'a setting has to say so'
)
from mine;
select auth.set_setting('manual_linking_enabled', 'true');
select is(
  auth.unlink_identity(session, user_id, identity_id), '{"error": "single_identity_not_deletable"}',
  'the last way to sign in stays'
)
from mine;
select is(
  auth.unlink_identity(gen_random_uuid(), user_id, identity_id), '{"error": "session_not_found"}',
  'it is for who is signed in'
)
from mine;
select is(
  auth.unlink_identity(session, ada.id, gen_random_uuid()), '{"error": "identity_not_found"}',
  'of one''s own'
)
from ada, opened;

select auth.link_identity(
  id, 'google', '1', '{"email": "taken@example.com", "email_verified": true}'
)
from ada;
select auth.link_identity(id, 'github', '1', '{}') from ada;
select is(
  auth.unlink_identity(session, user_id, identity_id),
  '{"error": "email_conflict_identity_not_deletable"}',
  'nobody is left with the address of another'
)
from mine
where provider = 'email';
select is((select count(*)::integer from mine), 3, 'and then nothing is taken away');

select is(auth.unlink_identity(session, user_id, identity_id), '{}', 'an account is taken away')
from mine
where provider = 'google';
select is(auth.unlink_identity(session, user_id, identity_id), '{}', 'so is the address')
from mine
where provider = 'email';
reset role;
select results_eq(
  $$ select u.email::text, u.encrypted_password::text, u.raw_app_meta_data
     from auth.users as u join ada using (id) $$,
  $$ values (null::text, null::text, '{"provider": "github", "providers": ["github"]}'::jsonb) $$,
  'with the password'
);
select is(
  (select count(*)::integer from audit.events as e where e.action = 'identity.unlinked'), 2,
  'it is in the audit log'
);

set local role authenticated;
select throws_ok(
  $$ select auth.unlink_identity(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()) $$,
  '42501', null, 'not for users'
);

select * from finish();
