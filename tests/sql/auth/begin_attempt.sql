select plan(23);

-- How many of so many attempts are let through.
create function pg_temp.let(account text, address inet, attempts integer, kind text) returns bigint
  language sql
as $$
  select count(*) filter (where auth.begin_attempt(account, address, kind) is null)
  from generate_series(1, attempts)
$$;
-- As if so much time had gone by.
create function pg_temp.pass(by interval) returns void
  language sql
as $$
  update auth.attempts
  set first_failed_at = first_failed_at - by,
      last_failed_at = last_failed_at - by,
      blocked_until = blocked_until - by
$$;

-- From one address at one account.
select is(pg_temp.let('ada', '192.0.2.1', 9, 'password'), 5::bigint, 'five are free');
select results_eq(
  $$
    select r.refusal ->> 'error', (r.refusal ->> 'retry_after')::integer between 29 and 30
    from auth.begin_attempt('ada', '192.0.2.1') as r (refusal)
  $$,
  $$ values ('over_request_rate_limit', true) $$,
  'then there is a pause of 30 seconds'
);
select is(
  (select a.failures from auth.attempts as a where a.kind = 'password_here'), 5,
  'what is refused is not counted'
);
select pg_temp.pass('31 s');
select is(pg_temp.let('ada', '192.0.2.1', 2, 'password'), 1::bigint, 'after it there is one try');
select is(
  (auth.begin_attempt('ada', '192.0.2.1') ->> 'retry_after')::integer, 60,
  'and the next pause is twice as long'
);
select pg_temp.pass('31 s');
select is(pg_temp.let('ada', '192.0.2.1', 1, 'password'), 0::bigint, 'it lasts');
update auth.attempts set failures = 1000, blocked_until = now() where kind = 'password_here';
select is(pg_temp.let('ada', '192.0.2.1', 1, 'password'), 1::bigint, 'after many');
select is(
  (auth.begin_attempt('ada', '192.0.2.1') ->> 'retry_after')::integer, 3600,
  'no pause is longer than an hour'
);
select is(pg_temp.let('ada', '192.0.2.1', 1, 'otp'), 1::bigint, 'each kind counts for itself');
select is(pg_temp.let('bob', '192.0.2.1', 1, 'password'), 1::bigint, 'and each account');
select pg_temp.pass('25 hours');
select is(pg_temp.let('ada', '192.0.2.1', 9, 'password'), 5::bigint, 'a day later all is free');

-- From many addresses at one account.
select is(
  (
    select count(*) filter (
      where auth.begin_attempt('eve', inet '198.51.100.0' + n) is null
    )
    from generate_series(1, 40) as n
  ),
  20::bigint,
  'of strangers at one account twenty are free together'
);
select isnt(auth.begin_attempt('eve', '2001:db8::1'), null, 'whoever comes next');

-- Its owner came in from there before.
select auth.begin_attempt('own', '203.0.113.7');
select auth.clear_attempts('own', '203.0.113.7');
select count(auth.begin_attempt('own', inet '198.51.100.0' + n)) from generate_series(1, 40) as n;
select isnt(auth.begin_attempt('own', '192.0.2.99'), null, 'an attack is under way');
select is(
  pg_temp.let('own', '203.0.113.7', 9, 'password'), 5::bigint,
  'the owner at home has all tries of their own'
);

-- From one address at many accounts.
select is(
  (
    select count(*) filter (where auth.begin_attempt('user ' || n, '192.0.2.200') is null)
    from generate_series(1, 150) as n
  ),
  100::bigint,
  'from one address a hundred are free'
);
select is(
  pg_temp.let('user 1', '2001:db8:1:2:3::4', 1, 'password'), 1::bigint, 'from another they are not'
);
select pg_temp.pass('31 s');
select is(
  (
    select count(*) filter (where auth.begin_attempt('user ' || n, '192.0.2.200') is null)
    from generate_series(1, 9) as n
  ),
  1::bigint,
  'then one in each pause, which does not grow'
);
select pg_temp.pass('61 minutes');
select is(
  (
    select count(*) filter (where auth.begin_attempt('user ' || n, '192.0.2.200') is null)
    from generate_series(200, 350) as n
  ),
  100::bigint,
  'each hour is for itself'
);

-- What is set.
select auth.set_setting('attempts_free', '2');
select auth.set_setting('attempts_pause', '7');
select is(pg_temp.let('set', '192.0.2.50', 9, 'password'), 2::bigint, 'fewer tries');
select is(
  (auth.begin_attempt('set', '192.0.2.50') ->> 'retry_after')::integer, 7, 'another pause'
);
select lives_ok(
  $$ select auth.begin_attempt(repeat('x', 100000), null) $$, 'an account of any length'
);

set local role authenticated;
select throws_ok(
  $$ select auth.begin_attempt('ada', '192.0.2.1') $$, '42501', null, 'clients may not'
);
