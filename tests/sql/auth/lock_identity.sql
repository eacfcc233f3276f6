select plan(2);

select auth.lock_identity('google', '1');
select auth.lock_identity('google', '1');
select is(
  (select count(*)::integer from pg_locks as l
   where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.granted),
  1, 'it is held to the end of the transaction'
);

set local role service_role;
select throws_ok(
  $$ select auth.lock_identity('google', '1') $$, '42501', null,
  'it is for functions that decide'
);

select * from finish();
