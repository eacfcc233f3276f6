-- It commits: what it does then is tested in Go.
select plan(3);

set local role service_role;
select throws_ok(
  $$ call auth.revoke_legacy_keys('x', jti => 'y') $$, '2D000', null,
  'within a transaction it is refused'
);
select is_empty($$ select from auth.legacy_key_revocations $$, 'and nothing is revoked');

reset role;
set local role authenticated;
select throws_ok($$ call auth.revoke_legacy_keys('x') $$, '42501', null, 'not for users');

select * from finish();
