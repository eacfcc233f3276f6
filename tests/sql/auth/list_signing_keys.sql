select plan(3);

set local role service_role;
select auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256"}', 'fbs1.k.AA');
select results_eq(
  $$ select l.kid, l.state, l.created_by <> '' from auth.list_signing_keys() as l $$,
  $$ values ('a', 'current', true) $$,
  'all keys, and whose they are'
);
select is_empty(
  $$ select from auth.list_signing_keys() as l where strpos(l::text, 'fbs1') > 0 $$,
  'and nothing of their private halves'
);

reset role;
set local role authenticated;
select throws_ok($$ select auth.list_signing_keys() $$, '42501', null, 'not for users');

select * from finish();
