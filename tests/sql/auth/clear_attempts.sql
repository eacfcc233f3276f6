select plan(11);

select count(auth.begin_attempt('ada', '192.0.2.1')) from generate_series(1, 5);
select count(auth.begin_attempt('ada', '192.0.2.2')) from generate_series(1, 2);
select count(auth.begin_attempt('bob', '192.0.2.1')) from generate_series(1, 3);

set local role service_role;
select lives_ok($$ select auth.clear_attempts('ada', '192.0.2.1') $$, 'it was right');
reset role;

select results_eq(
  $$
    select a.kind, split_part(a.key, ' ', 2), a.failures, a.blocked_until
    from auth.attempts as a
    where a.key like encode(sha256('ada'), 'hex') || '%'
    order by a.key
  $$,
  $$
    values
      ('password_account', '', 6, null::timestamptz), ('password_here', '192.0.2.1/32', 0, null),
      ('password_here', '192.0.2.2/32', 2, null)
  $$,
  'of all strangers one is given back, of this address all, of another none'
);
select is(
  (select a.failures from auth.attempts as a where a.key = '192.0.2.1/32'), 7,
  'the address gets one back'
);
select is(
  (
    select a.failures from auth.attempts as a
    where a.key = encode(sha256('bob'), 'hex') || ' 192.0.2.1/32'
  ),
  3,
  'another account none'
);
select results_eq(
  $$ select k.account, k.network from auth.known_addresses as k $$,
  $$ values (encode(sha256('ada'), 'hex'), '192.0.2.1/32') $$,
  'from now on the address is known'
);

-- One who knows a password tries others in between.
select auth.set_setting('attempts_free_of_address', '10');
create temp table tries as
  select auth.begin_attempt('victim ' || n, '192.0.2.66') is null as free,
    auth.begin_attempt('mallory', '192.0.2.66') is null as own,
    auth.clear_attempts('mallory', '192.0.2.66')::text
  from generate_series(1, 30) as n;
select cmp_ok(
  (select count(*) filter (where t.free) from tries as t), '<=', 10::bigint,
  'who signs in to their own account gets no more tries at others'
);

select lives_ok($$ select auth.clear_attempts('nobody', null) $$, 'nothing was counted');

-- What could not be checked is no failure.
select count(auth.begin_attempt('eve', '192.0.2.3')) from generate_series(1, 5);
select isnt(auth.begin_attempt('eve', '192.0.2.3'), null, 'five were counted');
select auth.clear_attempts('eve', '192.0.2.3', was_right => false);
select is(
  (
    select count(*) filter (where auth.begin_attempt('eve', '192.0.2.3') is null)
    from generate_series(1, 5)
  ),
  1::bigint,
  'one of them was not checked, so that it is free again'
);
select is_empty(
  $$ select from auth.known_addresses as k where k.network = '192.0.2.3/32' $$,
  'but nobody came in'
);

set local role authenticated;
select throws_ok(
  $$ select auth.clear_attempts('ada', '192.0.2.1') $$, '42501', null, 'clients may not'
);
