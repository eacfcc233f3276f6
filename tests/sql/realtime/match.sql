select plan(11);

create collation public.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create domain public.small as integer check (value < 100);
create table public.things (
  id bigint,
  name text,
  at timestamptz,
  city text collate public.no_case,
  size public.small
);

create function pg_temp.match(tree jsonb, variadic v text[]) returns jsonb
language sql as $$
  select realtime.match(
    'public.things'::regclass, array['id', 'name', 'at', 'city', 'size'],
    array[20, 25, 1184, 25, 'public.small'::regtype]::oid[],
    '[["9", "a", "2026-01-01 00:00:00+00", "Rome", "1"],
      ["10", null, "2026-01-01 02:00:00+02", "rome", "2"]]',
    jsonb_build_array(jsonb_build_object(
      'tree', tree,
      'values', (
        select jsonb_agg(jsonb_build_array(u.i - 1, string_to_array(u.text, '|')) order by u.i)
        from unnest(v) with ordinality as u (text, i)
      )
    ))
  )::jsonb -> 0
$$;

select is(
  pg_temp.match('{"column": "id", "op": "gt", "value": 0}', '9', '8'),
  '[[1, 1], [0, 2], [1, 2]]', 'numbers are numbers'
);
select is(
  pg_temp.match('{"column": "name", "op": "neq", "value": 0}', 'b'),
  '[[0, 1]]', 'null meets no comparison'
);
select is(
  pg_temp.match('{"column": "at", "op": "eq", "value": 0}', '2026-01-01T00:00:00Z'),
  '[[0, 1], [0, 2]]', 'times are times'
);
select is(
  pg_temp.match('{"column": "city", "op": "eq", "value": 0}', 'ROME'),
  '[[0, 1], [0, 2]]', 'texts are compared by the collation of the column'
);
select is(
  pg_temp.match('{"column": "size", "op": "lt", "value": 0}', '1000'),
  '[[0, 1], [0, 2]]', 'what rows are compared with need not pass the checks of their domain'
);
select is(
  pg_temp.match('{"or": [{"column": "id", "op": "eq", "value": 1},
    {"column": "name", "op": "is", "truth": "null"}]}', 'x|9', 'x|10'),
  '[[0, 1], [0, 2], [1, 2]]', 'each list of values makes one filter'
);
select is(
  pg_temp.match('{"column": "id", "op": "in", "value": 0}', '{9,11}'), '[[0, 1]]', 'a list'
);
select is(
  pg_temp.match('{"column": "other", "op": "eq", "value": 0}', 'b'),
  '[]', 'what is not told meets none'
);
select is(
  pg_temp.match('{"not": true, "column": "other", "op": "eq", "value": 0}', 'b'),
  '[]', 'nor its opposite'
);
select is(
  realtime.match(
    'public.things'::regclass, array['id'], array[20]::oid[], '[["9"]]',
    '[{"tree": {"column": "id", "op": "eq", "value": 0}, "values": [[0, ["b"]]]},
      {"tree": {"column": "id", "op": "eq", "value": 0}, "values": [[0, ["9"]]]}]'
  )::jsonb #- '{0,1}',
  '[["22P02"], [[0, 1]]]', 'one that fails says why, and does not hamper another'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.match(0, '{}', '{}', '[]', '[]') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
