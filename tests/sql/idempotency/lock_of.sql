select plan(3);

select is(
  idempotency.lock_of('user:ada', '1'), idempotency.lock_of('user:ada', '1'),
  'twins have one lock'
);
select isnt(
  idempotency.lock_of('user:ada', '1'), idempotency.lock_of('user:bob', '1'),
  'others have another'
);

set local role authenticator;
select throws_ok(
  $$ select idempotency.lock_of('user:ada', '1') $$, '42501', null,
  'it is called by the other functions alone'
);

select * from finish();
