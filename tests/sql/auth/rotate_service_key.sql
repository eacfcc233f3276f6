select plan(12);

set local role service_role;
create temp table made as
  select i.id, i.key
  from auth.issue_service_key(
    'CI', modules => '{rest}', schemas => '{public}', read_only => true,
    addresses => '{192.0.2.0/24}', expires_at => now() + interval '10 days'
  ) as i;
create temp table next as
  select r.id, r.key, r.old_ends_at from made as m, auth.rotate_service_key(m.id, '1 h') as r;

select matches((select n.key from next as n), '^sb_secret_', 'a new key');
select is(
  (select n.old_ends_at from next as n), now() + interval '1 h', 'and when the old one ends'
);
select results_eq(
  $$
    select l.state, l.name, l.kind, l.role, l.modules, l.schemas, l.read_only, l.addresses,
      l.expires_at
    from auth.list_service_keys() as l
    join next as n on n.id = l.id
  $$,
  $$
    values ('active', 'CI', 'secret', 'service_role', array['rest'], array['public'], true,
      array['192.0.2.0/24']::cidr[], now() + interval '10 days')
  $$,
  'the new one may do what the old one might'
);
select results_eq(
  $$
    select l.state, l.replaced_by = n.id, l.grace_ends_at
    from auth.list_service_keys() as l
    join made as m on m.id = l.id
    cross join next as n
  $$,
  $$ values ('deprecated', true, now() + interval '1 h') $$,
  'the old one has its grace'
);
select results_eq(
  $$
    select r.kind, r.effective_at
    from auth.service_key_revocations as r
    join made as m on m.id = r.key_id
  $$,
  $$ values ('rotation', now() + interval '1 h') $$,
  'the decision is kept'
);
select throws_ok(
  $$ select auth.rotate_service_key(m.id) from made as m $$, '55000',
  'the key was rotated already', 'once'
);
select lives_ok(
  $$ select auth.rotate_service_key(n.id) from next as n $$, 'the new one can be rotated'
);
select throws_ok(
  $$ select auth.rotate_service_key(i.id, '31 days') from auth.issue_service_key('a') as i $$,
  '23514', null, 'a grace of 30 days at most'
);
select throws_ok($$ select auth.rotate_service_key('x') $$, 'P0002', null, 'no such key');
create temp table dead as select i.id from auth.issue_service_key('b') as i;
select auth.end_service_key(d.id, 'leaked') from dead as d;
select throws_ok(
  $$ select auth.rotate_service_key(d.id) from dead as d $$, '55000', 'the key has ended',
  'what is dead stays dead'
);
create temp table late as select i.id from auth.issue_service_key('c') as i;
select auth.deprecate_service_key(l.id, '1 min') from late as l;
select is(
  (select r.old_ends_at from late as l, auth.rotate_service_key(l.id) as r),
  now() + interval '1 min', 'a rotation gives no more time than there was'
);

reset role;
set local role authenticated;
select throws_ok($$ select auth.rotate_service_key('x') $$, '42501', null, 'not for users');

select * from finish();
