select plan(18);

create function pg_temp.condition(tree jsonb) returns text
language sql as $$
  select realtime.condition(
    tree,
    array['id', 'a "b"', 'doc', 'words', 'tags'],
    array['integer', 'text', 'jsonb', 'tsvector', 'text[]']
  )
$$;

select is(
  pg_temp.condition('{"column": "id", "op": "gte", "value": 2}'),
  '(r.id >= (f.v ->> 2)::integer)', 'a comparison'
);
select is(
  pg_temp.condition('{"column": "a \"b\"", "op": "ilike", "quantifier": "any", "value": 0}'),
  '(r."a ""b""" ilike any ((f.v ->> 0)::text[]))', 'with any, and a name in quotes'
);
select is(
  pg_temp.condition('{"not": true, "or": [
    {"column": "id", "op": "in", "value": 0},
    {"and": [{"not": true, "column": "id", "op": "is", "truth": "not_null"}]}
  ]}'),
  '(not ((r.id = any ((f.v ->> 0)::integer[])) or ((not (r.id is not null)))))', 'and, or, not'
);
select is(
  pg_temp.condition('{"column": "tags", "op": "cs", "value": 0}'),
  '(r.tags @> (f.v ->> 0)::text[])', 'arrays'
);
select is(
  pg_temp.condition('{"column": "doc", "op": "eq", "value": 0, "path": [
    {"key": "it''s"}, {"key": "-1", "index": true}, {"key": "k", "text": true}
  ]}'),
  '((((r.doc -> ''it''''s''::text) -> ''-1''::integer) ->> ''k''::text) = (f.v ->> 0)::text)',
  'a path'
);
select is(
  pg_temp.condition('{"column": "tags", "op": "eq", "value": 0,
    "path": [{"key": "0", "index": true}]}'),
  '((to_jsonb(r.tags) -> ''0''::integer) = (f.v ->> 0)::jsonb)', 'into what is no JSON'
);
select is(
  pg_temp.condition('{"column": "words", "op": "plfts", "language": "english", "value": 0}'),
  '(r.words @@ plainto_tsquery(''english''::regconfig, (f.v ->> 0)))', 'a search'
);
select is(
  pg_temp.condition('{"column": "words", "op": "fts", "value": 0}'),
  '(r.words @@ to_tsquery((f.v ->> 0)))', 'in the usual language'
);
select is(
  pg_temp.condition('{"column": "tags", "op": "fts", "language": "12", "value": 0}'),
  '(to_tsvector(''"12"''::regconfig, r.tags) @@ to_tsquery(''"12"''::regconfig, (f.v ->> 0)))',
  'a language that is no oid'
);
select is(
  pg_temp.condition('{"column": "other", "op": "eq", "value": 0}'), '(null::boolean)',
  'what is not told'
);
select is(
  pg_temp.condition('{"not": true, "column": "id", "op": "gt", "other": {"column": "a \"b\""}}'),
  '(not (r.id > r."a ""b"""))', 'two columns'
);
select is(
  pg_temp.condition('{"column": "id", "op": "isdistinct",
    "other": {"column": "doc", "path": [{"key": "k"}]}}'),
  '(to_jsonb(r.id) is distinct from to_jsonb((r.doc -> ''k''::text)))', 'with a value within JSON'
);
select is(
  pg_temp.condition('{"column": "doc", "path": [{"key": "k", "text": true}], "op": "lte",
    "other": {"column": "id"}}'),
  '((r.doc ->> ''k''::text)::integer <= r.id)', 'with a text within JSON'
);
select is(
  pg_temp.condition('{"column": "id", "op": "eq", "other": {"column": "gone"}}'),
  '(null::boolean)', 'with what is not told'
);
select throws_ok(
  $$ select pg_temp.condition('{"column": "id", "op": "in", "other": {"column": "id"}}') $$,
  '22023', null,
  'an operator that has no column beside it'
);
select throws_ok(
  $$ select pg_temp.condition('{"column": "id", "op": "= 1; --", "value": 0}') $$,
  '22023', null,
  'an operator that there is not'
);
select throws_ok(
  $$ select pg_temp.condition('{"column": "id", "op": "eq", "value": "0) or true --"}') $$,
  '22P02', null,
  'a value that is no index'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.condition('{}', '{}', '{}') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
