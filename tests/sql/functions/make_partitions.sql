select plan(10);

-- Of a day that nobody has made a partition for, of today, and of a clock that is far wrong.
select functions.record(
  (
    select jsonb_agg(jsonb_build_object(
      'id', gen_random_uuid(), 'at', now() - d.ago::interval, 'function', 'made', 'version', 1,
      'duration_ms', 1, 'outcome', 'ok'
    ))
    from unnest(array['100 days', '0', '3 years']) as d (ago)
  ),
  jsonb_build_array(jsonb_build_object(
    'invocation', gen_random_uuid(), 'at', now(), 'seq', 1, 'function', 'made', 'version', 1,
    'level', 'info', 'message', 'x'
  ))
);

set local role service_role;
select isnt_empty($$ select functions.make_partitions() $$, 'it makes what is missing');
select results_eq(
  $$
    select i.tableoid::regclass::text
    from functions.invocations as i
    where i.function = 'made'
    order by i.at
  $$,
  $$
    values
      ('functions.invocations_default'),
      (
        to_char(
          now() at time zone 'UTC' - interval '100 days', '"functions.invocations_"YYYY_MM_DD'
        )
      ),
      (to_char(now() at time zone 'UTC', '"functions.invocations_"YYYY_MM_DD'))
  $$,
  'what came before goes to its day, and nothing is lost'
);
select results_eq(
  $$ select l.tableoid::regclass::text from functions.logs as l where l.function = 'made' $$,
  $$ values (to_char(now() at time zone 'UTC', '"functions.logs_"YYYY_MM_DD')) $$,
  'the same of logs'
);
select ok(
  to_regclass(
    to_char(now() at time zone 'UTC' + interval '3 days', '"functions.logs_"YYYY_MM_DD')
  ) is not null,
  'three days ahead'
);
select is_empty($$ select functions.make_partitions() $$, 'once');
select is(count(*), 2::bigint, 'or more') from functions.make_partitions(4);
select throws_ok($$ select functions.make_partitions(61) $$, '22023', null, 'but not many');
select throws_ok($$ select functions.make_partitions(-1) $$, '22023', null, 'and not for the past');

set local role authenticated;
select throws_ok($$ select functions.make_partitions() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.make_partitions() $$, '42501', null, 'not for anon');

select * from finish();
