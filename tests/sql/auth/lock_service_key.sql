select plan(3);

create temp table made as select i.id, i.key from auth.issue_service_key('a key') as i;
select is(
  (select (auth.lock_service_key(m.id)).name from made as m), 'a key', 'it gives the row'
);
select throws_ok(
  $$ select auth.lock_service_key('nothing') $$, 'P0002', 'there is no such key', 'if there is one'
);

set local role service_role;
select throws_ok(
  $$ select auth.lock_service_key('x') $$, '42501', null, 'for functions of ours: it has the hash'
);

select * from finish();
