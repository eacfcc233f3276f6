select plan(8);

set local role service_role;
select functions.record(
  '[
    {
      "id": "00000000-0000-4000-8000-00000000000a", "at": "2026-11-22T10:00:00Z", "function": "rec",
      "version": 3, "duration_ms": 1.5, "cpu_ms": 0.5, "status": 200, "outcome": "ok",
      "is_cold": true, "is_truncated": true, "output_bytes": 5, "memory_bytes": 6, "method": "POST",
      "path": "/rec/x", "job": 7, "process": "p", "request_id": "r", "trace_id": "t",
      "caller": "role:anon", "result": "answered"
    },
    {
      "id": "00000000-0000-4000-8000-00000000000b", "at": "2026-11-22T10:00:01Z", "function": "rec",
      "version": 3, "duration_ms": 2, "outcome": "timeout"
    }
  ]',
  '[
    {
      "invocation": "00000000-0000-4000-8000-00000000000a", "at": "2026-11-22T10:00:00.5Z",
      "seq": 1, "function": "rec", "version": 3, "level": "warn", "message": "said",
      "is_truncated": true
    }
  ]'
);
select results_eq(
  $$
  select
    i.status::integer, i.outcome, i.is_cold, i.is_truncated, i.output_bytes, i.path, i.job,
    i.caller, i.result
  from functions.invocations as i
  where i.function = 'rec'
  order by i.at
  $$,
  $$
  values
    (200, 'ok', true, true, 5::bigint, '/rec/x', 7::bigint, 'role:anon', 'answered'),
    (null, 'timeout', false, false, null, null, null, null, null)
  $$,
  'what it did'
);
select results_eq(
  $$
  select l.level, l.message, l.is_truncated, l.seq from functions.logs as l where l.function = 'rec'
  $$,
  $$ values ('warn', 'said', true, 1) $$,
  'what it said'
);
select lives_ok(
  $$
  select functions.record(
    '[{
      "id": "00000000-0000-4000-8000-00000000000b", "at": "2026-11-22T10:00:01Z",
      "function": "rec", "version": 3, "duration_ms": 2, "outcome": "timeout"
    }]'
  )
  $$,
  'again'
);
select is(count(*), 2::bigint, 'is not twice')
from functions.invocations as i
where i.function = 'rec';

select functions.record(
  '[]',
  jsonb_build_array(jsonb_build_object(
    'invocation', '00000000-0000-4000-8000-00000000000a', 'at', now(), 'seq', 2,
    'function', 'rec_long', 'version', 1, 'level', 'info', 'message', repeat('x', 70000)
  ))
);
select results_eq(
  $$
  select length(l.message), l.is_truncated from functions.logs as l where l.function = 'rec_long'
  $$,
  $$ values (65536, true) $$,
  'what is too long is cut'
);
select throws_ok(
  $$
  select functions.record(
    '[{
      "id": "00000000-0000-4000-8000-00000000000c", "at": "2026-11-22T10:00:01Z",
      "function": "rec", "version": 3, "duration_ms": 2, "outcome": "x"
    }]'
  )
  $$,
  '23514', null, 'no outcome'
);

set local role authenticated;
select throws_ok($$ select functions.record('[]', '[]') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.record('[]', '[]') $$, '42501', null, 'not for anon');

select * from finish();
