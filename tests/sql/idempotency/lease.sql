select plan(9);

create function pg_temp.lease(lease interval, print text default 'a')
  returns text
  language sql
as $$
  select concat_ws(' ', l.state, l.status, convert_from(l.body, 'UTF8'), l.fence > 0)
  from idempotency.lease('user:ada', '1', sha256(lease.print::bytea), lease.lease) as l
$$;
create function pg_temp.fence()
  returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$ select k.fence from idempotency.keys as k $$;
create function pg_temp.expire()
  returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$ update idempotency.keys set expires_at = clock_timestamp() $$;

set local role authenticator;

select is(pg_temp.lease('1 min'), 'yours t', 'the first gets it');
select is(pg_temp.lease('1 min'), 'running', 'the next is told that it runs');
select is(pg_temp.lease('1 min', 'b'), 'mismatch', 'and another request, that it is not its own');
select throws_ok(
  $$ select idempotency.claim('user:ada', '1') $$, 'FXI01', null,
  'a transaction does not get it either'
);

select idempotency.finish('user:ada', '1', pg_temp.fence(), 200, '{}', 'done');
select is(pg_temp.lease('1 min'), 'done 200 done', 'then there is an answer');

select pg_temp.expire();
select is(pg_temp.lease('0 s', 'b'), 'yours t', 'when it has expired, it is free');
select is(pg_temp.lease('1 min', 'c'), 'mismatch', 'one that is over is not for another request');
select is(pg_temp.lease('1 min', 'b'), 'yours t', 'but for the same one');

set local role authenticated;
select throws_ok($$ select pg_temp.lease('1 min') $$, '42501', null, 'users may not');

select * from finish();
