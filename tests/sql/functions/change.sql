select plan(14);

select functions.deploy('changed', '{"index.ts": "1"}');
create view pg_temp.now_is as
select to_jsonb(f) - array['created_at', 'updated_at', 'name', 'active', 'last_version'] as settings
from functions.functions as f
where f.name = 'changed';

select ok(
  functions.change('changed', '{
    "verify_jwt": false, "mode": "oneshot", "wall_ms": 1, "cpu_ms": 2, "memory_mb": 3,
    "max_request_bytes": 4, "max_output_bytes": 5, "concurrency": 6, "max_workers": 7,
    "idle_seconds": 8, "egress": ["a.test", "*.b.test:443", "10.0.0.1:80"]
  }'),
  'all of them'
);
select is(
  n.settings,
  '{
    "verify_jwt": false, "mode": "oneshot", "wall_ms": 1, "cpu_ms": 2, "memory_mb": 3,
    "max_request_bytes": 4, "max_output_bytes": 5, "concurrency": 6, "max_workers": 7,
    "idle_seconds": 8, "egress": ["a.test", "*.b.test:443", "10.0.0.1:80"]
  }',
  'are as said'
)
from pg_temp.now_is as n;
select ok(not functions.change('changed', '{"wall_ms": 1}'), 'the same again changes nothing');
select ok(
  functions.change('changed', '{"wall_ms": null, "mode": null, "verify_jwt": null}'), 'null'
);
select is(
  n.settings - array['cpu_ms', 'memory_mb', 'max_request_bytes', 'max_output_bytes', 'concurrency'],
  '{
    "verify_jwt": true, "mode": "per_worker", "wall_ms": null, "max_workers": 7, "idle_seconds": 8,
    "egress": ["a.test", "*.b.test:443", "10.0.0.1:80"]
  }',
  'is the default, and the rest stays'
)
from pg_temp.now_is as n;
select ok(functions.change('changed', '{"egress": []}'), 'nowhere');

select throws_ok(
  $$ select functions.change('changed', '{"wall": 1, "mode": "oneshot"}') $$, '22023',
  'a function has no setting wall', 'what there is not'
);
select throws_ok($$ select functions.change('changed', '[]') $$, '22023', null, 'a list');
select throws_ok(
  $$ select functions.change('changed', '{"memory_mb": 0}') $$, '23514', null, 'no memory'
);
select throws_ok(
  $$ select functions.change('changed', '{"mode": "x"}') $$, '23514', null, 'a mode'
);
select throws_ok(
  $$ select functions.change('changed', '{"wall_ms": "x"}') $$, '22P02', null, 'no number'
);
select throws_ok(
  $$ select functions.change('changed', '{"egress": ["a b"]}') $$, '23514', null, 'no host'
);
select throws_ok(
  $$ select functions.change('changed', '{"egress": [null]}') $$, '23514', null, 'null'
);

set local role service_role;
select throws_ok(
  $$ select functions.change('changed', '{}') $$, '42501', null, 'for functions of ours alone'
);

select * from finish();
