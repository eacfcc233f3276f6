select plan(5);

set local role service_role;

select results_eq(
  $$ select p.remaining, p.reset_after from ratelimit.peek('k', 0.001, 3) as p $$,
  $$ values (3::bigint, 0::float8) $$,
  'what nobody took from is full'
);
select isnt_empty($$ select from ratelimit.take('k', 0.001, 3, 2) $$, 'two are taken');
select results_eq(
  $$ select p.remaining, ceil(p.reset_after) from ratelimit.peek('k', 0.001, 3) as p $$,
  $$ values (1::bigint, 2000::float8) $$,
  'one is left'
);
select results_eq(
  $$ select t.allowed, t.remaining from ratelimit.take('k', 0.001, 3, 1) as t $$,
  $$ values (true, 0::bigint) $$,
  'and was not taken by looking'
);

set local role authenticated;
select throws_ok(
  $$ select from ratelimit.peek('k', 1, 3) $$, '42501', null, 'not for users'
);

select * from finish();
