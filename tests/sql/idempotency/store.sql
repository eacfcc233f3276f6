select plan(8);

create function pg_temp.kept(key text)
  returns text
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(' ', k.status, k.headers, convert_from(k.body, 'UTF8'))
  from idempotency.keys as k
  where k.key = kept.key
$$;
create function pg_temp.expire()
  returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$ update idempotency.keys set expires_at = clock_timestamp() $$;

set local role authenticator;

select lives_ok(
  $$
    select idempotency.store(
      'user:ada', '1', sha256('a'), 201, '{"Location": ["/x"]}', '{"id":1}'
    )
  $$,
  'the login of requests may'
);
select is(pg_temp.kept('1'), '201 {"Location": ["/x"]} {"id":1}', 'all of it is kept');
select throws_ok(
  $$ select idempotency.store('user:ada', '1', sha256('a'), 200) $$, '23505', null,
  'an answer is never replaced'
);
select pg_temp.expire();
select throws_ok(
  $$ select idempotency.store('user:ada', '1', sha256('b'), 204) $$, '23505', null,
  'nor when it has expired'
);
select idempotency.claim('user:ada', '1');
select lives_ok(
  $$ select idempotency.store('user:ada', '1', sha256('b'), 204) $$, 'until it is claimed then'
);
select is(pg_temp.kept('1'), '204', 'and then nothing is left of it');

select idempotency.store('user:ada', '2', sha256('a'), 409, '{}', 'no');
select is(pg_temp.kept('2'), null, 'what must not be repeated is not kept');

set local role service_role;
select throws_ok(
  $$ select idempotency.store('user:ada', '3', sha256('a'), 200) $$, '42501', null,
  'roles of requests may not'
);

select * from finish();
