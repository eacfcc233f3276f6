select plan(5);

create function pg_temp.field(field jsonb) returns text[]
language sql as $$
  select realtime.condition_field(
    field, array['id', 'a "b"', 'doc'], array['integer', 'text', 'json']
  )
$$;

select is(
  pg_temp.field('{"column": "a \"b\"", "op": "eq"}'), array['r."a ""b"""', 'text'], 'a column'
);
select is(
  pg_temp.field('{"column": "doc", "path": [{"key": "k"}, {"key": "0", "index": true}]}'),
  array['((r.doc -> ''k''::text) -> ''0''::integer)', 'json'], 'a path'
);
select is(
  pg_temp.field('{"column": "id", "path": [{"key": "it''s", "text": true}]}'),
  array['(to_jsonb(r.id) ->> ''it''''s''::text)', 'text'], 'into what is no JSON'
);
select is(pg_temp.field('{"column": "other"}'), null::text[], 'what is not told');

set local role authenticated;
select throws_ok(
  $$ select realtime.condition_field('{}', '{}', '{}') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
