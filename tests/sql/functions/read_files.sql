select plan(26);

select results_eq(
  $$
  select r.paths, r.contents, r.bytes
  from functions.read_files('{"z.ts": "ä", "a/b.wasm": {"base64": "AAEC"}, "a/.env.txt": ""}') as r
  $$,
  $$
  values (
    array['a/.env.txt', 'a/b.wasm', 'z.ts'], array['\x', '\x000102', '\xc3a4']::bytea[], 5::bigint
  )
  $$,
  'texts and bytes, by path'
);

select throws_ok(
  format('select functions.read_files(%L)', jsonb_build_object(p.path, '')),
  '22023', null, format('no path: %s', p.path)
)
from unnest(array[
  '', '/a', 'a/', 'a//b', '.', '..', './a', 'a/.', 'a/./b', '../a', 'a/../b', 'a/..', 'a\b',
  E'a\nb', repeat('x', 256)
]) as p (path);
select lives_ok(
  format('select functions.read_files(%L)', jsonb_build_object(p.path, '')),
  format('a path: %s', p.path)
)
from unnest(array['..a', 'a/b c/ä.ts', repeat('x', 255)]) as p (path);

select throws_ok(
  format('select functions.read_files(%L)', f.files), '22023', null, f.why
)
from (
  values
    ('{}', 'no files'), ('[]', 'a list'), ('null', 'null'), ('{"a": 1}', 'a number'),
    ('{"a": {"base64": "", "x": 1}}', 'more than bytes'), ('{"a": "", "a/b": ""}', 'below a file')
) as f (files, why);

select throws_ok(
  $$
  select functions.read_files(jsonb_object_agg(g.n, ''))
  from generate_series(1, 2001) as g (n)
  $$,
  '54000', null, 'too many'
);

select * from finish();
