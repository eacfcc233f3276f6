select plan(12);

set local role service_role;
select is(
  auth.set_oauth_provider('google', '{"client_id": "us", "scopes": ["calendar"]}')
    - array['created_at', 'updated_at'],
  '{"name": "google", "preset": "google", "enabled": true, "client_id": "us",
    "additional_client_ids": [], "scopes": ["calendar"], "issuer": null, "authorization_url": null,
    "token_url": null, "userinfo_url": null, "team_id": null, "key_id": null,
    "skip_nonce_check": false, "email_optional": false, "trust_email": false,
    "has_client_secret": false}',
  'what is not said has its default'
);
select is(
  auth.set_oauth_provider('google', '{"enabled": false}') ->> 'client_id', 'us',
  'what is not said again stays'
);
select is(
  auth.set_oauth_provider('google', '{"enabled": null, "scopes": null}') -> 'enabled', 'true',
  'null is the default again'
);
select is(auth.list_oauth_providers() -> 0 -> 'scopes', '[]', 'of a list too');
select throws_ok(
  $$ select auth.set_oauth_provider('google', '{"secret": "x"}') $$, '22023',
  'a provider has no secret', 'what it has not is refused'
);
select throws_ok(
  $$ select auth.set_oauth_provider('google', '{"client_secret_sealed": "in plaintext"}') $$,
  '22023', 'the secret is not sealed, and was not stored', 'a secret comes sealed'
);
select throws_ok(
  $$ select auth.set_oauth_provider('google', '{"client_id": null}') $$, '23514', null,
  'none is without a client id'
);
select throws_ok(
  $$ select auth.set_oauth_provider('keycloak', '{"client_id": "us"}') $$, '23514', null,
  'OpenID Connect needs an issuer'
);
select throws_ok(
  $$ select auth.set_oauth_provider('email', '{"client_id": "us", "preset": "google"}') $$,
  '23514', null, 'the name of another way to sign in is taken'
);
select throws_ok(
  $$ select auth.set_oauth_provider('google', '{"token_url": "javascript:alert(1)"}') $$,
  '23514', null, 'a URL is of the web'
);

select auth.set_oauth_provider('google', '{"client_secret_sealed": "fbs1.k.x"}');
reset role;
select is(
  (select e.details from audit.events as e where e.action = 'oauth_provider.set'
   order by e.id desc limit 1),
  '{"client_secret": "changed"}', 'the audit log does not hold the secret, not even sealed'
);

set local role authenticated;
select throws_ok($$ select auth.set_oauth_provider('google') $$, '42501', null, 'not for users');

select * from finish();
