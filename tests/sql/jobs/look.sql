select plan(5);

select pg_current_xact_id();
select ok(
  (select l.seen <= pg_current_xact_id() or pg_current_xact_id() = any (l.open)
   from jobs.look() as l),
  'its own transaction has not ended'
);
select ok(
  (select coalesce(bool_and(o.xid < l.seen), true)
   from jobs.look() as l
   left join lateral unnest(l.open) as o (xid) on true),
  'all that are open have begun'
);
select ok(
  (select l.seen > '3' from jobs.look() as l), 'others have ended'
);

set local role service_role;
select throws_ok($$ select from jobs.look() $$, '42501', null, 'not for callers');
set local role authenticated;
select throws_ok($$ select from jobs.look() $$, '42501', null, 'not for users');

select * from finish();
