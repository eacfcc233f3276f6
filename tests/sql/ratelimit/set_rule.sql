select plan(17);

set local role service_role;

select ratelimit.set_rule('api', 'rest', 'caller', 100);
select ratelimit.set_rule('api', 'rest', 'user', 100, '1 min', role => 'authenticated');
select ratelimit.set_rule(
  'sign-in', '/auth/v1/token', 'ip', 2.5, '5 min', burst => 5, methods => '{POST}', strict => true
);
select results_eq(
  $$
    select r.name, r.routes, r.per, r.rate, r.period, r.burst, r.methods, r.role::text, r.strict
    from ratelimit.rules as r
    order by r.name
  $$,
  $$
    values
      ('api', 'rest', 'user', 100::float8, interval '1 min', 100::bigint, null::text[],
       'authenticated', false),
      ('sign-in', '/auth/v1/token', 'ip', 2.5, '5 min', 5, '{POST}', null, true)
  $$,
  'the last rule of a name counts, as a whole, and can be read'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'resst', 'ip', 1) $$, '22023', null, 'no such class'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', '/a b', 'ip', 1) $$, '23514', null, 'no such path'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'address', 1) $$, '23514', null, 'no such kind'
);
select throws_ok(
  $$ select ratelimit.set_rule('A"', 'rest', 'ip', 1) $$, '23514', null, 'no name for a header'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 0) $$, '23514', null, 'no requests'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 'nan', burst => 1) $$, '23514', null,
  'no number of requests'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1, '0 s') $$, '23514', null, 'no time'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1, '1000 years') $$, '23514', null,
  'too long a time'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1, burst => 0) $$, '23514', null,
  'nothing at once'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1, methods => '{get}') $$, '23514', null,
  'no such method'
);
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1, role => 'nobody_of_that_name') $$, '42704',
  null, 'no such role'
);
select throws_ok(
  $$ delete from ratelimit.rules $$, '42501', null, 'the function is the only way'
);

set local role authenticator;
select isnt_empty($$ select from ratelimit.rules $$, 'the login of serve reads them');
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1) $$, '42501', null, 'and sets none'
);

set local role authenticated;
select throws_ok(
  $$ select ratelimit.set_rule('a', 'rest', 'ip', 1) $$, '42501', null, 'not for users'
);
select throws_ok($$ select from ratelimit.rules $$, '42501', null, 'who may not read them either');

select * from finish();
