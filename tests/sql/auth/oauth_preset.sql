select plan(3);
select is(auth.oauth_preset('google'), 'google', 'a known name is its own preset');
select is(auth.oauth_preset('microsoft'), 'azure', 'some have two names');
select is(auth.oauth_preset('our-keycloak'), 'oidc', 'any other speaks OpenID Connect');
select * from finish();
