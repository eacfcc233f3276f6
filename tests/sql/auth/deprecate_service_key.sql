select plan(9);

set local role service_role;
create temp table made as select i.id, i.key from auth.issue_service_key('a key') as i;
select is(
  (select auth.deprecate_service_key(m.id) from made as m), now() + interval '24 h', 'for a day'
);
select results_eq(
  $$
    select l.state, l.grace_ends_at
    from auth.list_service_keys() as l
    join made as m on m.id = l.id
  $$,
  $$ values ('deprecated', now() + interval '24 h') $$,
  'it shows in the list'
);
select is(
  (select auth.deprecate_service_key(m.id, '30 days') from made as m), now() + interval '30 days',
  'or for as long as one says'
);
select results_eq(
  $$
    select r.kind, r.effective_at
    from auth.service_key_revocations as r
    join made as m on m.id = r.key_id
    order by r.id desc
    limit 1
  $$,
  $$ values ('expiration', now() + interval '30 days') $$,
  'the decision is kept'
);
select throws_ok(
  $$ select auth.deprecate_service_key(m.id, '31 days') from made as m $$, '23514', null,
  'at most 30 days'
);
select throws_ok(
  $$ select auth.deprecate_service_key(m.id, '-1 s') from made as m $$, '23514', null,
  'not backwards'
);
select throws_ok($$ select auth.deprecate_service_key('x') $$, 'P0002', null, 'no such key');
select auth.end_service_key(m.id, 'leaked') from made as m;
select throws_ok(
  $$ select auth.deprecate_service_key(m.id) from made as m $$, '55000', 'the key is revoked',
  'what is dead stays dead'
);

reset role;
set local role authenticated;
select throws_ok($$ select auth.deprecate_service_key('x') $$, '42501', null, 'not for users');

select * from finish();
