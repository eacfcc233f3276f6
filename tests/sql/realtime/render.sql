select plan(3);

create function pg_temp.render(role text, types text[], "rows" jsonb) returns jsonb
language plpgsql as $$
declare
  v_rows jsonb;
begin
  v_rows := realtime.render(
    role, array['a', 'b "c"'],
    array(select t.name::regtype::oid from unnest(types) as t (name)), "rows"
  );
  perform set_config('role', 'none', true);
  return v_rows;
end;
$$;

select is(
  pg_temp.render(
    'anon', '{integer[],timestamptz}', '[["{1,2}", "2026-01-02 03:04:05+00"], [null, null]]'
  ),
  jsonb_build_array(
    jsonb_build_object('a', '[1,2]'::jsonb, 'b "c"', '2026-01-02 03:04:05+00'::timestamptz),
    '{"a": null, "b \"c\"": null}'::jsonb
  ), 'rows as JSON'
);
create schema hidden;
create type hidden.pair as (x integer, y text);
select is(
  pg_temp.render('postgres', '{hidden.pair,json}', '[["(1,a)", "[1]"]]'),
  '[{"a": {"x": 1, "y": "a"}, "b \"c\"": [1]}]', 'composite types'
);
select throws_ok(
  $$ select pg_temp.render('anon', '{hidden.pair,json}', '[["(1,a)", null]]') $$, '42501', null,
  'only for who may use the types'
);

select * from finish();
