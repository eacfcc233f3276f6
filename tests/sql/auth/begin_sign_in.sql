select plan(8);

set local role service_role;
create temp table made as
  select auth.make_user('ada@begin.test', '15550000077', 'hash', confirmed => true) as id;
select is(
  auth.begin_sign_in('Ada@begin.test', null, '192.0.2.1') - 'rules',
  (
    select jsonb_build_object('account', 'ada@begin.test', 'id', m.id, 'hash', 'hash')
    from made as m
  ),
  'what the password is to be checked with'
);
select is(
  auth.begin_sign_in('Ada@begin.test', null, '192.0.2.1') -> 'rules', auth.password_rules(),
  'and the rules'
);
select is(
  auth.begin_sign_in('nobody@begin.test', null, '192.0.2.1') - 'rules',
  '{"account": "nobody@begin.test"}', 'nobody begins too'
);

select count(auth.begin_sign_in('ADA@begin.test', null, '192.0.2.1')) from generate_series(1, 9);
select count(auth.begin_sign_in('NOBODY@begin.test', null, '192.0.2.1')) from generate_series(1, 9);
select is(
  auth.begin_sign_in('ada@begin.test', null, '192.0.2.1') ->> 'error', 'over_request_rate_limit',
  'however it is written, it is one account'
);
select is(
  auth.begin_sign_in('nobody@begin.test', null, '192.0.2.1') ->> 'error',
  'over_request_rate_limit', 'and nobody has no more tries'
);
select is(
  auth.begin_sign_in(null, '15550000077', '192.0.2.1') ->> 'error', null,
  'whose phone it is, a pause does not tell'
);

reset role;
update auth.attempts set blocked_until = now() - interval '1 s';
set local role service_role;
select auth.begin_sign_in('ada@begin.test', null, '192.0.2.1');
select lives_ok(
  $$
    select auth.sign_in_with_password(
      m.id, 'hash', ip => '192.0.2.1', account => 'ada@begin.test'
    )
    from made as m
  $$,
  'it was right'
);
select is(
  (
    select count(*) filter (
      where auth.begin_sign_in('ada@begin.test', null, '192.0.2.1') ->> 'error' is null
    )
    from generate_series(1, 9)
  ),
  5::bigint, 'so that all is free again'
);
