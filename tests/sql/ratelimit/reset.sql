select plan(5);

set local role service_role;

select isnt_empty($$ select from ratelimit.take('k', 0.001, 3, 3) $$, 'all are taken');
select ok(ratelimit.reset('k'), 'it was not full');
select results_eq(
  $$ select p.remaining from ratelimit.peek('k', 0.001, 3) as p $$,
  $$ values (3::bigint) $$,
  'and is now'
);
select ok(not ratelimit.reset('k'), 'so that nothing is left to do');

set local role authenticator;
select throws_ok($$ select ratelimit.reset('k') $$, '42501', null, 'not for logins');

select * from finish();
