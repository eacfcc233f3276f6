select plan(5);

create function pg_temp.left_over()
  returns text
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$ select string_agg(k.key, ' ' order by k.key) from idempotency.keys as k $$;

select idempotency.store(
  'user:ada', n.n::text, sha256('a'), 200, ttl => n.n * interval '1 hour'
)
from generate_series(-3, 1) as n (n);

set local role service_role;
select is(idempotency.sweep(2), 2, 'no more than so many');
select is(pg_temp.left_over(), '-1 0 1', 'the oldest first');
select is(idempotency.sweep(), 2, 'then the others');
select is(pg_temp.left_over(), '1', 'but none that holds');

set local role anon;
select throws_ok($$ select idempotency.sweep() $$, '42501', null, 'users may not');

select * from finish();
