select plan(12);

set local role service_role;

select results_eq(
  $$ select t.allowed, t.remaining, t.retry_after from ratelimit.take('k', 0.001, 3) as t $$,
  $$ values (true, 2::bigint, 0::float8) $$,
  'the first of three'
);
select results_eq(
  $$ select t.allowed, t.remaining from ratelimit.take('k', 0.001, 3, 2) as t $$,
  $$ values (true, 0::bigint) $$,
  'and both others at once'
);
select results_eq(
  $$ select t.allowed, t.remaining, ceil(t.retry_after), ceil(t.reset_after)
     from ratelimit.take('k', 0.001, 3) as t $$,
  $$ values (false, 0::bigint, 1000::float8, 3000::float8) $$,
  'then none, until one has come back'
);
select results_eq(
  $$ select t.allowed, ceil(t.retry_after) from ratelimit.take('k', 0.001, 3, 2) as t $$,
  $$ values (false, 2000::float8) $$,
  'and two take longer to'
);
select results_eq(
  $$ select t.allowed, t.remaining, t.retry_after from ratelimit.take('k', 0.001, 3, 4) as t $$,
  $$ values (false, 0::bigint, 'infinity'::float8) $$,
  'four never come'
);
select results_eq(
  $$ select t.allowed, t.remaining, t.retry_after from ratelimit.take('new', 0.001, 3, 4) as t $$,
  $$ values (false, 3::bigint, 'infinity'::float8) $$,
  'and take nothing'
);
select results_eq(
  $$ select t.allowed, t.remaining from ratelimit.take('other', 0.001, 3, 0) as t $$,
  $$ values (true, 3::bigint) $$,
  'a cost of nothing is always there'
);
select throws_ok(
  $$ select from ratelimit.take('k', 0, 3) $$, '22023', null, 'a rate must be positive'
);
select throws_ok(
  $$ select from ratelimit.states $$, '42501', null, 'nobody reads the states'
);

set local role authenticator;
select lives_ok(
  $$ select from ratelimit.take('k', 1, 3) $$, 'the login of serve may take'
);

set local role authenticated;
select throws_ok(
  $$ select from ratelimit.take('k', 1, 3) $$, '42501', null, 'users may not empty a budget'
);

set local role anon;
select throws_ok(
  $$ select from ratelimit.take('k', 1, 3) $$, '42501', null, 'nor may anon'
);

select * from finish();
