select plan(5);

select count(auth.begin_attempt('ada', '192.0.2.1')) from generate_series(1, 9);
select count(auth.begin_attempt('ada', '192.0.2.2', 'otp')) from generate_series(1, 2);
select count(auth.begin_attempt('bob', '192.0.2.1')) from generate_series(1, 3);
select isnt(auth.begin_attempt('ada', '192.0.2.1'), null, 'there is a pause');

set local role service_role;
select is(auth.forget_attempts('ada'), 7, 'all failures are forgotten');
select is(auth.begin_attempt('ada', '192.0.2.1'), null, 'the pause is over');
reset role;

select results_eq(
  $$
    select e.target, e.details from audit.events as e where e.action = 'attempts.forgotten'
  $$,
  $$ values ('ada', '{"failures": 7}'::jsonb) $$,
  'that is an event'
);

set local role authenticated;
select throws_ok($$ select auth.forget_attempts('ada') $$, '42501', null, 'clients may not');
