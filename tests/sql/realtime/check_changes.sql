select plan(9);

create table public.notes (id integer primary key, body text, data json, secret text);
revoke all on public.notes from authenticated;
grant select (id, body, data) on public.notes to authenticated;
create table public.apart (id integer primary key);
select realtime.enable('public.notes');

create function pg_temp.check(column_name text, value text, rel text default 'notes') returns text
language sql as $$
  select realtime.check_changes('authenticated', 'public', rel, jsonb_build_array(
    jsonb_build_object(
      'column', column_name, 'op', 'eq',
      'values', jsonb_build_array(jsonb_build_array(0, value))
    )
  ))
$$;

select is(pg_temp.check('id', '5'), null, 'a filter that can be');
select is(
  realtime.check_changes('authenticated', 'public', null, '[]'), null, 'a whole schema'
);
select is(pg_temp.check('id', '5', null), 'a filter needs a table', 'which has no columns');
select is(
  pg_temp.check('nope', '5'), 'invalid column for filter nope', 'a column that is not there'
);
select is(
  pg_temp.check('secret', '5'), 'invalid column for filter secret', 'or may not be read'
);
select matches(
  pg_temp.check('id', 'five'), '^invalid value for filter id: ', 'a value of another type'
);
select matches(
  pg_temp.check('data', '{}'), '^invalid value for filter data: ', 'a type without equality'
);
select matches(
  pg_temp.check('id', '5', 'apart'), 'select realtime.enable', 'a table that is not published'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.check_changes('anon', 'public', 'notes', '[]') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
