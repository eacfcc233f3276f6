select plan(6);

set local role service_role;
create temp table ada as
  select auth.register_user('ada@pending.test', null, 'hash', null, true) as id;
select is(
  auth.pending_change('email_change', 'ada@pending.test'), null, 'nothing is under way'
);
select auth.begin_change(
  a.id, 'email', 'new@pending.test',
  '{"now": {"hash": "pending-1"}, "new": {"hash": "pending-2"}}'
)
from ada as a;
select is(
  auth.pending_change('email_change', p.address),
  jsonb_build_object('id', a.id, 'now', 'ada@pending.test', 'new', 'new@pending.test'),
  'found by ' || p.address
)
from ada as a
cross join (values ('ada@pending.test'), ('new@pending.test')) as p (address);
select auth.begin_change(a.id, 'phone', '15550007777', '{"new": {"hash": "pending-3"}}')
from ada as a;
select is(
  auth.pending_change('phone_change', '15550007777') - 'id',
  '{"now": null, "new": "15550007777"}', 'or a number'
);

select is(auth.pending_change('email_change', 'x@pending.test'), null, 'not by another address');
set local role anon;
select throws_ok(
  $$ select auth.pending_change('email_change', 'a@b.test') $$, '42501', null, 'not for clients'
);

select * from finish();
