select plan(6);

set local role service_role;
select auth.end_legacy_keys('one', jti => 'abc');
select auth.end_legacy_keys('two', token => 'a.b.c');
select auth.end_legacy_keys('three', '2026-01-01Z');
select results_eq(
  $$
    select r.jti, r.token_hash, r.issued_before, r.reason
    from auth.legacy_key_revocations as r
    order by r.id
  $$,
  $$
    values
      ('abc', null::bytea, null::timestamptz, 'one'),
      (null, sha256('a.b.c'), null, 'two'),
      (null, null, '2026-01-01Z', 'three')
  $$,
  'by id, as a whole, and by date'
);
select is(
  (select count(*) from auth.service_key_audit() as e where e.action = 'legacy_keys.revoked'),
  3::bigint, 'each an event'
);
select throws_ok(
  $$ select auth.end_legacy_keys('none') $$, '23514', null, 'one of them has to be given'
);
select throws_ok(
  $$ select auth.end_legacy_keys('two', now(), 'abc') $$, '23514', null, 'and only one'
);
select throws_ok(
  $$ select auth.end_legacy_keys('', jti => 'abc') $$, '23514', null, 'and a reason'
);

set local role authenticated;
select throws_ok(
  $$ select auth.end_legacy_keys('x', jti => 'abc') $$, '42501', null, 'not for users'
);

select * from finish();
