select plan(5);

create function pg_temp.match(conditions jsonb) returns jsonb
language sql as $$
  select realtime.match(
    array['id', 'name', 'at'], array[20, 25, 1184]::oid[],
    '[["9", "a", "2026-01-01 00:00:00+00"], ["10", null, "2026-01-01 02:00:00+02"]]',
    conditions
  )::jsonb
$$;

select is(
  pg_temp.match('[{"column": "id", "op": "gt", "values": [[0, "9"], [1, "8"]]}]'),
  '[[[1, 1], [0, 2], [1, 2]]]',
  'numbers are numbers'
);
select is(
  pg_temp.match('[{"column": "name", "op": "neq", "values": [[0, "b"]]},
    {"column": "at", "op": "eq", "values": [[0, "2026-01-01T00:00:00Z"]]}]'),
  '[[[0, 1]], [[0, 1], [0, 2]]]',
  'null meets no condition, and times are times'
);
select is(
  pg_temp.match('[{"column": "other", "op": "eq", "values": [[0, "b"]]}]'),
  '[[]]',
  'what is not told meets none'
);
select throws_ok(
  $$ select pg_temp.match('[{"column": "id", "op": "eq", "values": [[0, "b"]]}]') $$,
  '22P02', null,
  'a value is of the type of its column'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.match('{}', '{}', '[]', '[]') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
