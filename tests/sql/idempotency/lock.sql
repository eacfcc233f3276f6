select plan(4);

select lives_ok($$ select idempotency.lock('user:ada', '1', '1 s') $$, 'a key is locked');
select lives_ok(
  $$ select idempotency.lock('user:ada', '1', '1 s') $$,
  'again by the same transaction, as by a lease that is asked for twice'
);
select is(
  (select count(*) from pg_locks as l where l.locktype = 'advisory' and l.pid = pg_backend_pid()),
  1::bigint,
  'until the transaction ends'
);

set local role authenticator;
select throws_ok(
  $$ select idempotency.lock('user:ada', '2', '1 s') $$, '42501', null,
  'it is called by the other functions alone'
);

select * from finish();
