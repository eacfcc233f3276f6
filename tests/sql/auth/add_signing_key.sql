select plan(9);

set local role service_role;
select is(
  auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256","kty":"EC"}', 'fbs1.k.AA'),
  'current', 'the first key signs'
);
select is(
  auth.add_signing_key('b', 'ES256', '{"kid":"b","alg":"ES256"}', 'fbs1.k.AA', only_first => true),
  null, 'who wants to be the first is not, and nothing is done'
);
select is(
  auth.add_signing_key('b', 'EdDSA', '{"kid":"b","alg":"EdDSA"}', 'fbs1.k.AA'),
  'next', 'the second is the next'
);
select throws_ok(
  $$ select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256"}', 'fbs1.k.AA') $$,
  '55000', 'there is a next key already', 'one at a time'
);
select results_eq(
  $$ select l.kid, l.alg, l.state from auth.list_signing_keys() as l $$,
  $$ values ('a', 'ES256', 'current'), ('b', 'EdDSA', 'next') $$,
  'these are there'
);
select auth.promote_signing_key(true);
select throws_ok(
  $$
    select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256","d":"x"}', 'fbs1.k.AA')
  $$,
  '23514', null, 'a private half in the clear is refused'
);
select throws_ok(
  $$ select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256"}', 'secret') $$,
  '23514', null, 'so is one that is not sealed'
);
select throws_ok(
  $$ select auth.add_signing_key('c', 'HS256', '{"kid":"c","alg":"HS256"}', 'fbs1.k.AA') $$,
  '23514', null, 'and a secret'
);

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256"}', 'fbs1.k.AA') $$,
  '42501', null, 'not for users'
);

select * from finish();
