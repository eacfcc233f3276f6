select plan(7);

create function pg_temp.replay(key text, print text default 'a', scope text default 'user:ada')
  returns text
  language sql
as $$
  select concat_ws(' ', r.state, r.status, r.headers, convert_from(r.body, 'UTF8'))
  from idempotency.replay(replay.scope, replay.key, sha256(replay.print::bytea)) as r
$$;
create function pg_temp.expire()
  returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$ update idempotency.keys set expires_at = clock_timestamp() $$;

set local role authenticator;

select is(pg_temp.replay('1'), null, 'there is nothing yet');
select l.state from idempotency.lease('user:ada', '2', sha256('a'), '1 min') as l;
select is(pg_temp.replay('2'), 'running', 'then it runs');
select idempotency.store('user:ada', '1', sha256('a'), 201, '{"Location": ["/x"]}', '{"id":1}');
select is(pg_temp.replay('1'), 'done 201 {"Location": ["/x"]} {"id":1}', 'then there is an answer');
select is(pg_temp.replay('1', 'b'), 'mismatch', 'which another request does not see');
select is(pg_temp.replay('1', 'a', 'user:bob'), null, 'and another caller even less');
select pg_temp.expire();
select is(pg_temp.replay('1'), null, 'until it expires');

set local role anon;
select throws_ok($$ select pg_temp.replay('1') $$, '42501', null, 'roles of requests may not ask');

select * from finish();
