select plan(6);

select isnt_empty(
  $$
    select from ratelimit.take_many(
      (select array_agg('k' || i) from generate_series(1, 300) as i),
      (select array_agg(case when i % 3 = 0 then 0.001 else 1e6 end)
       from generate_series(1, 300) as i),
      (select array_agg(10) from generate_series(1, 300))
    )
  $$,
  'a third of three hundred stays in use'
);
-- In the past by then.
update ratelimit.states as s
set full_at = s.full_at - interval '1 s';

set local role service_role;
select isnt(ratelimit.sweep(0, 1), null, 'one page is not all');
select is(ratelimit.sweep(), null, 'a thousand are');
select is(ratelimit.sweep(1000000), null, 'and there is nothing behind the end');

reset role;
select is((select count(*) from ratelimit.states), 100::bigint, 'what is not full stays');

set local role authenticated;
select throws_ok($$ select ratelimit.sweep() $$, '42501', null, 'not for users');

select * from finish();
