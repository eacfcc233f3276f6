select plan(6);

set local role service_role;
select auth.set_oauth_provider('google', '{"client_id": "us"}');
select auth.create_oauth_state(
  'google', sha256(k::bytea),
  '{"redirect_to": "x", "verifier_sealed": "v", "nonce": "n", "code_challenge": "c",
    "code_challenge_method": "s256", "browser_hash":
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}'
)
from unnest(array['a', 'b']) as k;

select is(
  auth.take_oauth_state(sha256('a')) - 'provider',
  '{"redirect_to": "x", "verifier_sealed": "v", "nonce": "n", "code_challenge": "c",
    "code_challenge_method": "s256", "bind_browser": true, "browser_hash":
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}',
  'what was given is given back'
);
select is(auth.take_oauth_state(sha256('a')), '{"error": "bad_oauth_state"}', 'once');
select is(auth.take_oauth_state(sha256('z')), '{"error": "bad_oauth_state"}', 'if it was made');

reset role;
update auth.oauth_states set expires_at = now() - interval '1 s';
set local role service_role;
select is(auth.take_oauth_state(sha256('b')), '{"error": "bad_oauth_state"}', 'and not expired');
reset role;
select is_empty($$ select s.nonce from auth.oauth_states as s $$, 'which then is gone too');

set local role authenticated;
select throws_ok($$ select auth.take_oauth_state('a') $$, '42501', null, 'not for users');

select * from finish();
