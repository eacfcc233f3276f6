select plan(4);

set local role service_role;
select auth.set_oauth_provider('google', '{"client_id": "us"}');
select auth.create_oauth_state(
  'google', sha256('a'), '{"redirect_to": "x", "verifier_sealed": "v", "nonce": "n"}'
);
select is(auth.drop_oauth_provider('google'), true, 'it is taken away');
select is(auth.drop_oauth_provider('google'), false, 'once');
select is(
  auth.take_oauth_state(sha256('a')), '{"error": "bad_oauth_state"}',
  'who was under way there comes in vain'
);

set local role authenticated;
select throws_ok($$ select auth.drop_oauth_provider('google') $$, '42501', null, 'not for users');

select * from finish();
