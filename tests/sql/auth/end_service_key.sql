select plan(8);

set local role service_role;
create temp table made as select i.id, i.key from auth.issue_service_key('a key') as i;
select is((select auth.end_service_key(m.id, 'leaked') from made as m), now(), 'from now on');
select is((select auth.end_service_key(m.id, 'again') from made as m), now(), 'once');
select results_eq(
  $$
    select l.state, l.revoked_reason
    from auth.list_service_keys() as l
    join made as m on m.id = l.id
  $$,
  $$ values ('revoked', 'leaked') $$,
  'for the first reason'
);
select results_eq(
  $$
    select r.kind, r.reason, r.effective_at
    from auth.service_key_revocations as r
    join made as m on m.id = r.key_id
  $$,
  $$ values ('emergency', 'leaked', now()) $$,
  'the decision is kept'
);
select results_eq(
  $$ select e.action from auth.service_key_audit((select m.id from made as m)) as e $$,
  $$ values ('service_key.revoked'), ('service_key.issued') $$,
  'and is one event'
);
select throws_ok($$ select auth.end_service_key('x', 'y') $$, 'P0002', null, 'no such key');
select throws_ok(
  $$ select auth.end_service_key(i.id, '') from auth.issue_service_key('b') as i $$, '23514', null,
  'a reason has to be given'
);

reset role;
set local role authenticated;
select throws_ok($$ select auth.end_service_key('x', 'y') $$, '42501', null, 'not for users');

select * from finish();
