-- It commits: what it does then is tested in Go.
select plan(2);

set local role service_role;
select auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256"}', 'fbs1.k.AA');
select auth.add_signing_key('b', 'ES256', '{"kid":"b","alg":"ES256"}', 'fbs1.k.AA');
select throws_ok(
  $$ call auth.revoke_signing_key('b', 'leaked') $$, '2D000', null,
  'within a transaction it is refused'
);

reset role;
set local role authenticated;
select throws_ok($$ call auth.revoke_signing_key('x', 'y') $$, '42501', null, 'not for users');

select * from finish();
