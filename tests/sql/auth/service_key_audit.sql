select plan(4);

set local role service_role;
create temp table made as select i.id from auth.issue_service_key('one') as i;
select auth.deprecate_service_key(m.id) from made as m;
select auth.end_service_key(m.id, 'leaked') from made as m;
select auth.end_legacy_keys('old', jti => 'abc');
select results_eq(
  $$ select e.action from auth.service_key_audit((select m.id from made as m)) as e $$,
  $$ values ('service_key.revoked'), ('service_key.deprecated'), ('service_key.issued') $$,
  'what was done to one, newest first'
);
select results_eq(
  $$
    select e.action
    from auth.service_key_audit(
      (select m.id from made as m),
      (select min(a.id) from auth.service_key_audit((select m.id from made as m), null, 2) as a)
    ) as e
  $$,
  $$ values ('service_key.issued') $$,
  'page by page'
);
select is(
  (select e.action from auth.service_key_audit(null, null, 1) as e), 'legacy_keys.revoked',
  'or to any'
);

set local role authenticated;
select throws_ok($$ select auth.service_key_audit() $$, '42501', null, 'not for users');

select * from finish();
