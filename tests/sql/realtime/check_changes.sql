select plan(24);

create table public.notes (id integer primary key, body text, data json, secret text, tags text[]);
revoke all on public.notes from authenticated;
grant select (id, body, data, tags) on public.notes to authenticated;
create table public.apart (id integer primary key);
select realtime.enable('public.notes');

create function pg_temp.check(tree jsonb, value text, rel text default 'notes') returns text
language sql as $$
  select realtime.check_changes('authenticated', 'public', rel, jsonb_build_array(
    jsonb_build_object(
      'tree', tree,
      'values', jsonb_build_array(jsonb_build_array(0, jsonb_build_array('unused', value)))
    )
  ), null)
$$;
create function pg_temp.leaf(column_name text, op text default 'eq') returns jsonb
language sql as $$
  select jsonb_build_object('column', column_name, 'op', op, 'value', 1)
$$;

select is(pg_temp.check(pg_temp.leaf('id'), '5'), null, 'a filter that can be');
select is(pg_temp.check(pg_temp.leaf('id', 'in'), '{5,6}'), null, 'a list');
select is(pg_temp.check(pg_temp.leaf('tags', 'cs'), '{a}'), null, 'a part of an array');
select is(
  pg_temp.check(pg_temp.leaf('data') || '{"path": [{"key": "k", "text": true}]}', 'x'),
  null, 'a path'
);
select is(
  realtime.check_changes('authenticated', 'public', null, '[]', null), null, 'a whole schema'
);
select is(
  pg_temp.check(pg_temp.leaf('id'), '5', null), 'a filter needs a table', 'which has no columns'
);
select is(
  realtime.check_changes('authenticated', 'public', null, '[]', '{id}'),
  'a selection of columns needs a table', 'nor can any be selected'
);
select is(
  pg_temp.check(pg_temp.leaf('nope'), '5'), 'invalid column for filter nope',
  'a column that is not there'
);
select is(
  pg_temp.check(pg_temp.leaf('secret'), '5'), 'invalid column for filter secret',
  'or may not be read'
);
select is(
  pg_temp.check(jsonb_build_object('or', array[
    '{"column": "id", "op": "is", "truth": "null"}'::jsonb,
    jsonb_build_object('and', array[pg_temp.leaf('secret')])
  ]), '5'),
  'invalid column for filter secret', 'also within others'
);
select is(
  pg_temp.check('{"column": "body", "op": "neq", "other": {"column": "body"}}', null), null,
  'two columns'
);
select is(
  pg_temp.check('{"column": "body", "op": "eq", "other": {"column": "secret"}}', null),
  'invalid column for filter secret', 'both of which must be readable'
);
select matches(
  pg_temp.check('{"column": "body", "op": "eq", "other": {"column": "id"}}', null),
  '^invalid value for filter body: ', 'and comparable'
);
select matches(
  pg_temp.check(pg_temp.leaf('id'), 'five'), '^invalid value for filter id: ',
  'a value of another type'
);
select matches(
  pg_temp.check(jsonb_build_object('or', array[
    '{"column": "id", "op": "is", "truth": "null"}'::jsonb, pg_temp.leaf('id')
  ]), 'five'),
  '^invalid value for filter id: ', 'also where another condition would hide it'
);
select matches(
  pg_temp.check(pg_temp.leaf('id', 'in'), '{1,five}'), '^invalid value for filter id: ',
  'or in a list'
);
select matches(
  pg_temp.check(pg_temp.leaf('id', 'like'), '1'), '^invalid value for filter id: ',
  'an operator of other types'
);
select matches(
  pg_temp.check(pg_temp.leaf('body', 'match'), '('), '^invalid value for filter body: ',
  'a pattern that is none'
);
select matches(
  pg_temp.check(pg_temp.leaf('body', 'fts'), 'a b'), '^invalid value for filter body: ',
  'a search that is none'
);
select matches(
  pg_temp.check(pg_temp.leaf('data'), '{}'), '^invalid value for filter data: ',
  'a type without equality'
);
select matches(
  pg_temp.check(pg_temp.leaf('id'), '5', 'apart'), 'select realtime.enable',
  'a table that is not published'
);
select is(
  realtime.check_changes('authenticated', 'public', 'notes', '[]', '{id,body}'), null,
  'a selection of columns'
);
select results_eq(
  $$
    select realtime.check_changes('authenticated', 'public', 'notes', '[]', array['id', c.name])
    from unnest(array['secret', 'nope', 'ctid']) as c (name)
  $$,
  array[
    'invalid column for select secret', 'invalid column for select nope',
    'invalid column for select ctid'
  ],
  'of columns that are not there or may not be read'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.check_changes('anon', 'public', 'notes', '[]', null) $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
