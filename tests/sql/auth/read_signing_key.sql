select plan(4);

set local role service_role;
select is(
  auth.read_signing_key() ->> 'kid', null, 'there may be none'
);
select auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256"}', 'fbs1.k.AA');
select auth.add_signing_key('b', 'ES256', '{"kid":"b","alg":"ES256"}', 'fbs1.k.BB');
select results_eq(
  $$ select r ->> 'kid', r ->> 'alg', r ->> 'private_sealed' from auth.read_signing_key() as r $$,
  $$ values ('a', 'ES256', 'fbs1.k.AA') $$,
  'the current one, as it is sealed'
);

reset role;
set local role authenticator;
select throws_ok(
  $$ select auth.read_signing_key() $$, '42501', null, 'not for the login of requests'
);
reset role;
set local role authenticated;
select throws_ok($$ select auth.read_signing_key() $$, '42501', null, 'least of all for users');

select * from finish();
