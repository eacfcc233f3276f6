select plan(8);

create temp table fences (fence bigint);
grant all on fences to authenticator, service_role;
create function pg_temp.lease(lease interval)
  returns void
  language sql
as $$
  insert into fences
  select l.fence
  from idempotency.lease('user:ada', '1', sha256('a'), lease.lease) as l
$$;
create function pg_temp.finish(which text, status integer)
  returns boolean
  language sql
as $$
  select idempotency.finish(
    'user:ada', '1', case finish.which when 'min' then min(f.fence) else max(f.fence) end,
    finish.status, '{}', 'x'
  )
  from fences as f
$$;

set local role authenticator;

select pg_temp.lease('0 s');
select pg_temp.lease('0 s');
select ok(
  (select max(f.fence) > min(f.fence) from fences as f), 'who takes over has a higher fence'
);
select is(pg_temp.finish('min', 200), false, 'behind which none can finish');
select is(pg_temp.finish('min', null), false, 'or give the key back');
select is(pg_temp.finish('max', null), true, 'but who has it can');

truncate fences;
select pg_temp.lease('0 s');
select is(pg_temp.finish('max', 503), true, 'as by a failure');

truncate fences;
select pg_temp.lease('0 s');
select is(pg_temp.finish('max', 201), true, 'or with an answer, also late');
select is(pg_temp.finish('max', 200), false, 'once');

set local role service_role;
select throws_ok(
  $$ select pg_temp.finish('max', 200) $$, '42501', null, 'roles of requests may not'
);

select * from finish();
