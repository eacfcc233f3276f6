select plan(18);

select functions.deploy('invoked', '{"index.ts": "1"}');
set local role service_role;
create temp table called as select functions.invoke('invoked') as id;
select is(
  (
    select to_jsonb(j)
    from (
      select r.kind, r.args, l.queue
      from jobs.ready as r
      join jobs.lanes as l on l.id = r.lane
      where r.id = c.id
    ) as j
  ),
  '{
    "kind": "functions.invoke", "queue": "functions", "args": {"function": "invoked", "body": {}}
  }',
  'a job'
)
from called as c;
create temp table later as
select functions.invoke(
  'invoked', '{"a": null}', '{"X-A": "b c"}', '/below?x=1', now() + interval '1 day', 'slow', 'n',
  5, 'u', 'keep', 3, '1 min', 'k', '00000000-0000-4000-8000-000000000001'
) as id;
select is(
  (
    select to_jsonb(j)
    from (
      select w.kind, w.args, w.max_attempts, w.owner, w.meta, l.namespace, l.queue, l.priority
      from jobs.waiting as w
      join jobs.lanes as l on l.id = w.lane
      where w.id = c.id
    ) as j
  ),
  '{
    "kind": "functions.invoke", "namespace": "n", "queue": "slow", "priority": 5,
    "max_attempts": 3, "owner": "00000000-0000-4000-8000-000000000001",
    "meta": {"timeout": 60, "key": "k"},
    "args": {
      "function": "invoked", "body": {"a": null}, "headers": {"X-A": "b c"}, "path": "/below?x=1"
    }
  }',
  'with all that it may have'
)
from later as c;
select isnt_empty(
  $$ select from functions.queues as q where (q.namespace, q.queue) = ('n', 'slow') $$,
  'the queue is worked on'
);
select is(
  functions.invoke('invoked', namespace => 'n', unique_key => 'u'),
  functions.invoke('invoked', namespace => 'n', unique_key => 'u'), 'one for a key'
);
select lives_ok($$ select functions.invoke('invoked', null) $$, 'null is a body');

select throws_ok($$ select functions.invoke('nothing') $$, 'P0002', null, 'there is none');
select throws_ok(
  format('select functions.invoke(%L, headers => %L)', 'invoked', h.headers), '22023', null,
  format('no headers: %s', h.headers)
)
from unnest(array[
  'null', '[]', '{"a b": "c"}', '{"": "c"}', '{"a": 1}', '{"a": "b\nc"}', '{"a": "b\u007fc"}'
]) as h (headers);
select throws_ok(
  format('select functions.invoke(%L, path => %L)', 'invoked', p.path), '22023', null,
  format('no path: %s', p.path)
)
from unnest(array['below', '/a b', '/a#b']) as p (path);

set local role authenticated;
select throws_ok($$ select functions.invoke('invoked') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.invoke('invoked') $$, '42501', null, 'not for anon');

select * from finish();
