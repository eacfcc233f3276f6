select plan(15);

set local role service_role;
select functions.record(
  '[]',
  (
    select jsonb_agg(jsonb_build_object(
      'invocation', '00000000-0000-4000-8000-00000000000' || g.n % 2,
      'at', timestamptz '2026-11-22 10:00Z' + make_interval(secs => g.n / 2), 'seq', g.n,
      'function', 'logged', 'version', 1,
      'level', (array['debug', 'info', 'warn', 'error'])[g.n], 'message', 'line ' || g.n
    ))
    from generate_series(1, 4) as g (n)
  )
);
select results_eq(
  $$ select l.message, l.level, l.seq, l.version from functions.logs('logged') as l $$,
  $$
  values
    ('line 1', 'debug', 1, 1), ('line 2', 'info', 2, 1), ('line 3', 'warn', 3, 1),
    ('line 4', 'error', 4, 1)
  $$,
  'oldest first'
);
select results_eq(
  $$
  select l.seq from functions.logs('logged', max_lines => 2) as l
  $$, array[3, 4], 'the last ones'
);
select results_eq(
  $$ select l.seq from functions.logs('logged', '2026-11-22 10:00:02Z') as l $$, array[4], 'since'
);
select results_eq(
  $$ select l.seq from functions.logs('logged', before => '2026-11-22 10:00:01Z') as l $$, array[1],
  'before'
);
select results_eq(
  $$
  select l.seq
  from functions.logs(
    'logged', before => '2026-11-22 10:00:01Z',
    before_invocation => '00000000-0000-4000-8000-000000000001', before_seq => 3
  ) as l
  $$, array[1, 2], 'before a line'
);
select results_eq(
  $$ select l.seq from functions.logs('logged', min_level => 'warn') as l $$, array[3, 4], 'grave'
);
select results_eq(
  $$
  select l.seq
  from functions.logs('logged', of_invocation => '00000000-0000-4000-8000-000000000001') as l
  $$,
  array[1, 3], 'of one call'
);
select results_eq(
  $$ select l.seq from functions.logs('logged', max_lines => 0) as l $$, array[4], 'one at least'
);
select results_eq(
  $$ select l.seq from functions.logs('logged', max_lines => -1) as l $$, array[4], 'not less'
);
select results_eq(
  $$
  select count(*)::integer
  from unnest(array[null, 2147483647]) as m (lines), functions.logs('logged', max_lines => m.lines)
  $$, array[8], 'null is as if nothing were said, and what is too many is all'
);
select is_empty($$ select functions.logs('silent') $$, 'of others none');
select is_empty($$ select functions.logs(repeat('é', 100000)) $$, 'nor of what has no such name');
select throws_ok(
  $$ select functions.logs('logged', min_level => 'loud') $$, '22023', null, 'no level'
);

set local role authenticated;
select throws_ok($$ select functions.logs('logged') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.logs('logged') $$, '42501', null, 'not for anon');

select * from finish();
