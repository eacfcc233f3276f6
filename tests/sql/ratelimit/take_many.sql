select plan(14);

set local role service_role;

select results_eq(
  $$
    select t.item, t.allowed, t.granted, t.remaining
    from ratelimit.take_many(
      '{b,a,b,b,a}', '{0.001,0.001,0.001,0.001,0.001}', '{2,1,2,2,1}'
    ) as t
    order by t.item
  $$,
  $$
    values
      (1, true, 1::bigint, 1::bigint), (2, true, 1, 0), (3, true, 1, 0), (4, false, 0, 0),
      (5, false, 0, 0)
  $$,
  'a key that is named again takes again'
);
select results_eq(
  $$
    select t.item, t.allowed, t.granted, t.remaining, ceil(t.retry_after)
    from ratelimit.take_many('{c,c}', '{0.001,0.001}', '{5,5}', '{3,3}', true) as t
  $$,
  $$
    values
      (1, true, 3::bigint, 2::bigint, 0::float8),
      (2, false, 2, 0, 1000)
  $$,
  'part of a cost'
);
select results_eq(
  $$
    select t.allowed, t.granted, t.remaining
    from ratelimit.take_many('{d,e}', '{0.001,0.001}', '{5,5}', '{9,9}', true) as t
  $$,
  $$ values (false, 5::bigint, 0::bigint), (false, 5, 0) $$,
  'part of a cost, of what was full'
);
select results_eq(
  $$
    select t.granted, t.remaining
    from ratelimit.take_many('{f,f}', '{0.001,0.001}', '{5,5}', '{null,0}') as t
  $$,
  $$ values (1::bigint, 4::bigint), (0, 4) $$,
  'a cost that is null is one'
);
select is_empty(
  $$ select from ratelimit.take_many('{}', '{}', '{}', '{}') $$, 'nothing of nothing'
);

select throws_ok(
  $$ select from ratelimit.take_many('{a}', '{1,2}', '{1}') $$, '22023', null, 'two rates of one'
);
select throws_ok(
  $$ select from ratelimit.take_many('{a}', '{1}', '{1}', '{1,1}') $$, '22023', null,
  'two costs of one'
);
select throws_ok(
  $$ select from ratelimit.take_many(null, '{1}', '{1}') $$, '22023', null, 'no keys'
);
select throws_ok(
  $$ select from ratelimit.take_many('{null}', '{1}', '{1}') $$, '22023', null, 'a key of null'
);
select throws_ok(
  $$ select from ratelimit.take_many('{a}', '{nan}', '{1}') $$, '22023', null, 'a rate of nan'
);
select throws_ok(
  $$ select from ratelimit.take_many('{a}', '{1}', '{-1}') $$, '22023', null, 'a burst below 0'
);
select throws_ok(
  $$ select from ratelimit.take_many('{a}', '{1}', '{1}', '{-1}') $$, '22023', null,
  'a cost below 0'
);
select throws_ok(
  $$ select from ratelimit.take_many(array[repeat('k', 513)], '{1}', '{1}') $$, '23514', null,
  'a key that is too long'
);

set local role anon;
select throws_ok(
  $$ select from ratelimit.take_many('{a}', '{1}', '{1}') $$, '42501', null, 'not for anon'
);

select * from finish();
