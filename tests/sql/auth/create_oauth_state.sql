select plan(6);

set local role service_role;
select auth.set_oauth_provider('google', '{"client_id": "us"}');
create temp table details as
select '{"redirect_to": "x", "verifier_sealed": "v", "nonce": "n"}'::jsonb as d;

select is(
  auth.create_oauth_state('google', sha256('a'), d) ->> 'client_id', 'us',
  'the provider is told'
)
from details;
select is(
  auth.create_oauth_state('other', sha256('b'), d), '{"error": "provider_disabled"}',
  'one that is not offered leads nowhere'
)
from details;
select throws_ok(
  format('select auth.create_oauth_state(%L, %L, %L)', 'google', sha256('a'), d), '23505', null,
  'no state is given out twice'
)
from details;
select is(
  auth.create_oauth_state(
    'google', sha256('c'),
    d || jsonb_build_object('link_user_id', gen_random_uuid(), 'link_session_id', gen_random_uuid())
  ),
  '{"error": "manual_linking_disabled"}', 'accounts are linked where a setting says so'
)
from details;
select auth.set_setting('manual_linking_enabled', 'true');
select is(
  auth.create_oauth_state(
    'google', sha256('c'),
    d || jsonb_build_object('link_user_id', gen_random_uuid(), 'link_session_id', gen_random_uuid())
  ),
  '{"error": "user_not_found"}', 'by who is signed in'
)
from details;

set local role authenticated;
select throws_ok(
  $$ select auth.create_oauth_state('google', 'a', '{}') $$, '42501', null, 'not for users'
);

select * from finish();
