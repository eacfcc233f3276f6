select plan(29);

set local role service_role;
select is(
  functions.deploy(
    'deployed', '{"index.ts": "1", "lib/a.txt": {"base64": "AAEC"}}', note => 'one'
  ), 1, 'the first version'
);
select is(functions.deploy('deployed', '{"index.ts": "2"}'), 2, 'the second');
select is(
  functions.deploy('deployed', '{"index.ts": "2"}', note => 'x'), 2, 'the same is no third'
);
select is(functions.deploy('deployed', '{"index.ts": "2", "a": ""}'), 3, 'a file more is');
select is(
  functions.deploy('deployed', '{"index.ts": "2", "a": ""}', 'a'), 4, 'so is where it begins'
);
select results_eq(
  $$
  select v.version, v.files, v.bytes, v.entrypoint, v.note
  from functions.versions('deployed') as v
  order by v.version
  $$,
  $$
  values
    (1, 2, 4::bigint, 'index.ts', 'one'), (2, 1, 1::bigint, 'index.ts', null),
    (3, 2, 1::bigint, 'index.ts', null), (4, 2, 1::bigint, 'a', null)
  $$,
  'what they are'
);
select is(count(*), 4::bigint, 'each content is there once')
from functions.files as f
where f.sha256 in (
  select v.sha256 from functions.version_files as v where v.name = 'deployed'
);
select is(
  v.digest,
  encode(
    sha256(
      convert_to(
        format(
          '["index.ts", {"a": "%s", "index.ts": "%s"}]',
          encode(sha256(''), 'hex'), encode(sha256('2'), 'hex')
        ),
        'UTF8'
      )
    ),
    'hex'
  ),
  'the digest'
)
from functions.versions('deployed') as v
where v.version = 3;

select is(
  functions.deploy(
    'deployed', '{"a": ""}', 'a', false, '{"wall_ms": 1000}', array['a.test']
  ), 5, 'with settings'
);
select is(functions.deploy('deployed', '{"a": ""}', 'a'), 5, 'without');
select results_eq(
  $$
  select f.verify_jwt, f.wall_ms, f.egress from functions.functions as f where f.name = 'deployed'
  $$,
  $$ values (false, 1000, array['a.test']) $$,
  'they stay'
);
select is(functions.deploy('deployed', '{"a": ""}', 'a', true), 5, 'settings alone are no version');
select is(
  (select f.verify_jwt from functions.functions as f where f.name = 'deployed'), true, 'but hold'
);

select functions.configure('deployed', '{"verify_jwt": false}');
select functions.delete('deployed');
select is(functions.deploy('deployed', '{"a": ""}', 'a'), 6, 'a number is never given twice');
select results_eq(
  $$
  select f.verify_jwt, f.wall_ms, f.egress from functions.functions as f where f.name = 'deployed'
  $$,
  $$ values (true, null::integer, null::text[]) $$,
  'and what comes after a deletion does not have its settings'
);

select functions.keep(2);
select functions.deploy('deployed', '{"index.ts": "7"}');
select functions.deploy('deployed', '{"index.ts": "8"}');
select functions.rollback('deployed', 7);
select functions.deploy('deployed', '{"index.ts": "9"}');
select results_eq(
  $$ select v.version from functions.versions('deployed') as v $$, array[9, 8],
  'only the last ones are kept'
);
select is_empty(
  $$
  select from functions.version_files as v
  where v.name = 'deployed' and v.version not in (8, 9)
  $$,
  'with their files'
);

reset role;
select results_eq(
  $$
  select e.action, e.details - 'digest'
  from audit.events as e
  where e.target = 'deployed'
  order by e.id
  limit 6
  $$,
  $$
  values
    ('function.deployed', '{"version": 1, "note": "one"}'::jsonb),
    ('function.deployed', '{"version": 2}'), ('function.deployed', '{"version": 3}'),
    ('function.deployed', '{"version": 4}'),
    (
      'function.deployed',
      '{
        "version": 5,
        "settings": {"wall_ms": 1000, "verify_jwt": false, "egress": ["a.test"]}
      }'
    ),
    ('function.configured', '{"settings": {"verify_jwt": true}}')
  $$,
  'it is audited'
);
select isnt_empty(
  $$ select from functions.queues as q where (q.namespace, q.queue) = ('default', 'functions') $$,
  'processes look after calls of it'
);
set local role service_role;

select throws_ok(
  format('select functions.deploy(%L, %L)', n.name, '{"index.ts": ""}'), '22023', null,
  format('no name: %s', n.name)
)
from unnest(array['', '_shared', '-a', 'a b', 'a/b', repeat('a', 64)]) as n (name);
select throws_ok(
  $$ select functions.deploy('x', '{"index.js": ""}') $$, '22023', null, 'no entrypoint'
);
select throws_ok(
  $$ select functions.deploy('x', '{"index.ts": ""}', limits => '{"x": 1}') $$, '22023', null,
  'no limit'
);

set local role authenticated;
select throws_ok(
  $$ select functions.deploy('x', '{"index.ts": ""}') $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select functions.deploy('x', '{"index.ts": ""}') $$, '42501', null, 'not for anon'
);

select * from finish();
