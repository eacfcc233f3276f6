select plan(5);

set local role authenticator;
select is(auth.jwks(), '{"keys": []}', 'there may be none');
reset role;
set local role service_role;
select auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256"}', 'fbs1.k.AA');
select auth.add_signing_key('b', 'ES256', '{"kid":"b","alg":"ES256"}', 'fbs1.k.AA');
select auth.promote_signing_key(true);
select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256"}', 'fbs1.k.AA');
select set_eq(
  $$ select k ->> 'kid' from jsonb_array_elements(auth.jwks() -> 'keys') as k $$,
  $$ values ('a'), ('b'), ('c') $$,
  'those that are retired, current and next'
);
select auth.end_signing_key('a', 'leaked');
reset role;
set local role fluxbase_replication;
select set_eq(
  $$ select k ->> 'kid' from jsonb_array_elements(auth.jwks() -> 'keys') as k $$,
  $$ values ('b'), ('c') $$,
  'not one that is revoked'
);
reset role;
set local role authenticated;
select throws_ok($$ select auth.jwks() $$, '42501', null, 'users get it by HTTP');
reset role;
set local role anon;
select throws_ok($$ select auth.jwks() $$, '42501', null, 'and so does everybody');

select * from finish();
