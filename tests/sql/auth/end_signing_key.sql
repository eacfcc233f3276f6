select plan(8);

set local role service_role;
select auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256"}', 'fbs1.k.AA');
select throws_ok(
  $$ select auth.end_signing_key('a', 'leaked') $$, '55000',
  'the key is the current one, and there is no next one', 'something must sign'
);
select auth.add_signing_key('b', 'ES256', '{"kid":"b","alg":"ES256"}', 'fbs1.k.AA');
select is(auth.end_signing_key('a', 'leaked'), now(), 'the current one is revoked');
select results_eq(
  $$ select l.kid, l.state, l.revoked_reason from auth.list_signing_keys() as l order by l.kid $$,
  $$ values ('a', 'revoked', 'leaked'), ('b', 'current', null) $$,
  'the next one takes its place'
);
select is(auth.end_signing_key('a', 'again'), now(), 'a second time changes nothing');
select throws_ok(
  $$ select auth.end_signing_key('x', 'leaked') $$, 'P0002', null, 'no such key'
);
select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256"}', 'fbs1.k.AA');
select throws_ok(
  $$ select auth.end_signing_key('c', '') $$, '23514', null, 'for a reason'
);
reset role;
select is(
  (select k.private_sealed from auth.signing_keys as k where k.kid = 'a'), null,
  'its private half is gone'
);

set local role authenticated;
select throws_ok($$ select auth.end_signing_key('b', 'x') $$, '42501', null, 'not for users');

select * from finish();
