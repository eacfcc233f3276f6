select plan(4);

set local role service_role;
select is(auth.list_oauth_providers(), '[]', 'there is none at first');
select auth.set_oauth_provider('google', '{"client_id": "us", "client_secret_sealed": "fbs1.k.x"}');
select is(auth.list_oauth_providers() -> 0 -> 'has_client_secret', 'true', 'a secret is told of');
select is(
  (auth.list_oauth_providers() -> 0) ? 'client_secret_sealed', false, 'and not told'
);

set local role authenticated;
select throws_ok($$ select auth.list_oauth_providers() $$, '42501', null, 'not for users');

select * from finish();
