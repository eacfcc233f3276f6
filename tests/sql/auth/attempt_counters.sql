select plan(9);

select results_eq(
  $$
    select c.counter, c.key, c.free, c.longest
    from auth.attempt_counters('ada', '192.0.2.7', 'password') as c
    order by c.counter
  $$,
  $$
    values
      ('password_account', encode(sha256('ada'), 'hex'), 20, 3600),
      ('password_address', '192.0.2.7/32', 100, 30),
      ('password_here', encode(sha256('ada'), 'hex') || ' 192.0.2.7/32', 5, 3600)
  $$,
  'a stranger counts thrice'
);
select is_empty(
  $$
    select from auth.attempt_counters('ada', '192.0.2.7', 'password') as c
    where strpos(c.key, 'ada') > 0
  $$,
  'no key tells whose account it is'
);
select results_eq(
  $$
    select c.key from auth.attempt_counters('ada', '2001:db8:1:2:3:4:5:6', 'password') as c
    where c.counter = 'password_address'
  $$,
  $$ values ('2001:db8:1:2::/64') $$,
  'who has an address of IPv6 has its /64'
);
select results_eq(
  $$
    select c.key from auth.attempt_counters('ada', null, 'password') as c
    where c.counter = 'password_address'
  $$,
  $$ values ('unknown') $$,
  'addresses that are not known are one'
);
select results_eq(
  $$ select c.counter from auth.attempt_counters('ada', null, 'otp') as c order by 1 $$,
  $$ values ('otp_account'), ('otp_address'), ('otp_here') $$,
  'each kind has its own'
);

select auth.clear_attempts('ada', '192.0.2.7');
select results_eq(
  $$ select c.counter from auth.attempt_counters('ada', '192.0.2.7', 'password') as c $$,
  $$ values ('password_here') $$,
  'from where the owner came in nothing else counts'
);
select is(
  (select count(*) from auth.attempt_counters('ada', '192.0.2.8', 'password')), 3::bigint,
  'elsewhere it does'
);
select is(
  (select count(*) from auth.attempt_counters('bob', '192.0.2.7', 'password')), 3::bigint,
  'at another account too'
);

set local role service_role;
select throws_ok(
  $$ select auth.attempt_counters('ada', '192.0.2.7', 'password') $$, '42501', null,
  'it is for functions of ours'
);
