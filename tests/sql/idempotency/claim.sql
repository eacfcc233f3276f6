select plan(6);

create function pg_temp.expire()
  returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$ update idempotency.keys set expires_at = clock_timestamp() $$;

set local role authenticator;

select lives_ok($$ select idempotency.claim('user:ada', '1') $$, 'the login of requests may');
select lives_ok($$ select idempotency.claim('user:ada', '1') $$, 'until there is an answer');
select idempotency.store('user:ada', '1', sha256('a'), 201);
select throws_ok($$ select idempotency.claim('user:ada', '1') $$, 'FXI01', null, 'then no more');
select lives_ok($$ select idempotency.claim('user:bob', '1') $$, 'for others it is another key');
select pg_temp.expire();
select lives_ok($$ select idempotency.claim('user:ada', '1') $$, 'when it has expired, it is free');

set local role authenticated;
select throws_ok(
  $$ select idempotency.claim('user:ada', '2') $$, '42501', null, 'roles of requests may not'
);

select * from finish();
