select plan(18);

create schema app;
create function app.note(args jsonb) returns void language sql as 'select 1';
create function app.two(args jsonb, more integer) returns void language sql as 'select 1';
revoke execute on function app.note(jsonb) from public;
grant usage on schema app to service_role;

set local role service_role;
select throws_ok(
  $$ select jobs.set_handler('note', 'app.note(jsonb)') $$, '42501',
  'service_role may not execute app.note(jsonb)', 'the role may not'
);
reset role;
grant execute on function app.note(jsonb) to service_role;
set local role service_role;

select lives_ok($$ select jobs.set_handler('note', 'app.note(jsonb)') $$, 'a function');
select lives_ok(
  $$ select jobs.set_handler('post', url => 'https://a.test/b', queue => 'q', namespace => 'n') $$,
  'a url'
);
select results_eq(
  $$
  select h.namespace, h.kind, h.queue, h.schema, h.function, h.role, h.url
  from jobs.handlers as h
  order by h.kind
  $$,
  $$
  values
    ('default', 'note', 'default', 'app', 'note', 'service_role', null),
    ('n', 'post', 'q', null, null, 'service_role', 'https://a.test/b')
  $$,
  'they are noted'
);
select jobs.set_handler('note', url => 'http://a.test', timeout => '1 min');
select results_eq(
  $$ select h.function, h.url, h.timeout from jobs.handlers as h where h.kind = 'note' $$,
  $$ values (null::text, 'http://a.test', interval '1 min') $$,
  'another takes its place'
);

select lives_ok(
  $$ select jobs.set_handler('note', edge_function => 'hello') $$, 'an edge function'
);
select results_eq(
  $$ select h.url, h.edge_function from jobs.handlers as h where h.kind = 'note' $$,
  $$ values (null::text, 'hello') $$,
  'too'
);
select throws_ok(
  $$ select jobs.set_handler('x', edge_function => '../x') $$, '22023', null, 'of no such name'
);

select throws_ok($$ select jobs.set_handler('x') $$, '22023', null, 'nothing to do');
select throws_ok(
  $$ select jobs.set_handler('x', 'app.note(jsonb)', 'https://a.test') $$, '22023', null, 'both'
);
select throws_ok(
  $$ select jobs.set_handler('x', 'app.two(jsonb, integer)') $$, '22023', null, 'of two arguments'
);
select throws_ok(
  $$ select jobs.set_handler('x', 'app.note(jsonb)', role => 'nobody') $$, '42704', null, 'no role'
);
select throws_ok($$ select jobs.set_handler('', 'app.note(jsonb)') $$, '22023', null, 'no kind');
select throws_ok(
  $$ select jobs.set_handler('x', 'app.note(jsonb)', queue => 'a b') $$, '22023', null, 'the queue'
);
select throws_ok(
  $$ select jobs.set_handler('x', url => 'https://a:b@c.test') $$, '22023', null, 'a password'
);
select throws_ok(
  $$ select jobs.set_handler('x', 'app.note(jsonb)', timeout => '-1 s') $$, '22023', null, 'time'
);

set local role authenticated;
select throws_ok(
  $$ select jobs.set_handler('x', url => 'https://a.test') $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select jobs.set_handler('x', url => 'https://a.test') $$, '42501', null, 'not for anon'
);

select * from finish();
