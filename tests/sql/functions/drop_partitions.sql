select plan(6);

select functions.record(
  (
    select jsonb_agg(jsonb_build_object(
      'id', gen_random_uuid(), 'at', now() - make_interval(days => d.ago), 'function', 'dropped',
      'version', d.ago, 'duration_ms', 1, 'outcome', 'ok'
    ))
    from unnest(array[1000, 16, 14, 1]) as d (ago)
  ),
  (
    select jsonb_agg(jsonb_build_object(
      'invocation', gen_random_uuid(), 'at', now() - make_interval(days => d.ago), 'seq', 1,
      'function', 'dropped', 'version', d.ago, 'level', 'info', 'message', 'x'
    ))
    from unnest(array[9, 7, 1]) as d (ago)
  )
);
select functions.make_partitions();

set local role service_role;
select results_eq(
  $$ select functions.drop_partitions() $$,
  $$
  values
    (to_char(now() at time zone 'UTC' - interval '16 days', '"functions.invocations_"YYYY_MM_DD')),
    (to_char(now() at time zone 'UTC' - interval '9 days', '"functions.logs_"YYYY_MM_DD'))
  $$,
  'days that are older go'
);
select results_eq(
  $$ select i.version from functions.invocations as i where i.function = 'dropped' order by i.at $$,
  array[14, 1], 'and no others, but what came far too late'
);
select results_eq(
  $$ select l.version from functions.logs as l where l.function = 'dropped' order by l.at $$,
  array[7, 1], 'lines go before'
);
select is_empty($$ select functions.drop_partitions() $$, 'once');

set local role authenticated;
select throws_ok($$ select functions.drop_partitions() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.drop_partitions() $$, '42501', null, 'not for anon');

select * from finish();
