select plan(4);

set local role service_role;
select auth.set_oauth_provider('google', '{"client_id": "us", "client_secret_sealed": "fbs1.k.x"}');
select is(
  auth.oauth_provider('google') ->> 'client_secret_sealed', 'fbs1.k.x',
  'a process is told the secret as it is sealed'
);
select auth.set_oauth_provider('google', '{"enabled": false}');
select is(auth.oauth_provider('google'), '{"error": "provider_disabled"}', 'one that is off');
select is(auth.oauth_provider('other'), '{"error": "provider_disabled"}', 'one that is not');

set local role authenticated;
select throws_ok($$ select auth.oauth_provider('google') $$, '42501', null, 'not for users');

select * from finish();
