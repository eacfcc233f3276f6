select plan(17);

set local role service_role;

create temporary table made as
select jobs.enqueue_many('mail', array['1', '"b"', 'null']::jsonb[], priority => 1) as ids;
select results_eq(
  $$
    select j.args, j.priority::integer, j.kind, j.state
    from made as m
    cross join unnest(m.ids) with ordinality as i (id, nr)
    join jobs.jobs as j on j.id = i.id
    order by i.nr
  $$,
  $$
    values ('1'::jsonb, 1, 'mail', 'ready'), ('"b"', 1, 'mail', 'ready'),
      ('null', 1, 'mail', 'ready')
  $$,
  'ids come in the order of the arguments'
);
select is(jobs.enqueue_many('mail', '{}'), '{}', 'none are none');
select is(
  cardinality(jobs.enqueue_many(
    'later', array_fill('{}'::jsonb, array[5]), 'q', 'n', 2, 'tomorrow', 3, '1 min',
    '00000000-0000-4000-8000-00000000000a'
  )),
  5, 'some for later'
);
select results_eq(
  $$
    select w.kind, w.run_at, w.max_attempts::integer, w.meta ->> 'timeout', right(w.owner::text, 1),
      count(*)
    from jobs.waiting as w
    group by 1, 2, 3, 4, 5
  $$,
  $$ values ('later', timestamptz 'tomorrow', 3, '60.000000', 'a', 5::bigint) $$,
  'have all that was said'
);
select is(
  cardinality(jobs.enqueue_many('mail', array_fill('{}'::jsonb, array[10000]))), 10000,
  'ten thousand at once'
);
select throws_ok($$ select jobs.enqueue_many('mail', null) $$, '22004', null, 'no arguments');
select throws_ok(
  $$ select jobs.enqueue_many('mail', array['1', null]::jsonb[]) $$, '22004', null, 'one of none'
);
select throws_ok($$ select jobs.enqueue_many('', '{}') $$, '22023', null, 'no kind');
select throws_ok($$ select jobs.enqueue_many('mail', '{}', '') $$, '22023', null, 'no queue');
select throws_ok($$ select jobs.enqueue_many('mail', '{}', 'q', '') $$, '22023', null, 'nowhere');
select throws_ok(
  $$ select jobs.enqueue_many('mail', '{}', priority => null) $$, '22023', null, 'no priority'
);
select throws_ok(
  $$ select jobs.enqueue_many('mail', '{}', max_attempts => 2000) $$, '22023', null, 'too often'
);
select throws_ok(
  $$ select jobs.enqueue_many('mail', '{}', timeout => '1 year') $$, '22023', null, 'too long'
);

select set_config(
  'request.jwt.claims', '{"sub": "00000000-0000-4000-8000-00000000000b"}', true
);
select jobs.enqueue_many('owned', '{1}');
select is(
  (select j.owner from jobs.jobs as j where j.kind = 'owned'),
  '00000000-0000-4000-8000-00000000000b', 'who asks owns them'
);
select jobs.enqueue_many('owned later', '{1}', run_at => 'tomorrow');
select is(
  (select j.owner from jobs.jobs as j where j.kind = 'owned later'),
  '00000000-0000-4000-8000-00000000000b', 'later ones too'
);

set local role authenticated;
select throws_ok($$ select jobs.enqueue_many('mail', '{}') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.enqueue_many('mail', '{}') $$, '42501', null, 'not for anon');

select * from finish();
