select plan(8);

set local role service_role;
create temporary table made as
select jobs.enqueue_all('[
  {"kind": "a", "args": {"n": 1}},
  {"kind": "b", "queue": "q", "priority": 0, "unique_key": "k"},
  {"kind": "a", "args": {"n": 2}},
  {"kind": "b", "queue": "q", "priority": 0, "unique_key": "k", "args": null},
  {"kind": "a", "run_at": "2100-01-01", "timeout": 30, "max_attempts": 3}
]') as ids;
select is(m.ids[2], m.ids[4], 'the second of a key is the first') from made as m;
select results_eq(
  $$
  select j.kind, j.args, j.queue, j.priority, j.state, j.max_attempts::integer, j.meta
  from made as m
  cross join lateral unnest(m.ids) with ordinality as u (id, nr)
  join jobs.jobs as j on j.id = u.id
  where u.nr <> 4
  order by u.nr
  $$,
  $$
  values
    ('a', '{"n": 1}'::jsonb, 'default', 2::smallint, 'ready', 25, null::jsonb),
    ('b', '{}', 'q', 0::smallint, 'ready', 25, null),
    ('a', '{"n": 2}', 'default', 2::smallint, 'ready', 25, null),
    ('a', '{}', 'default', 2::smallint, 'scheduled', 3, '{"timeout": 30}')
  $$,
  'each is what it says, in their order'
);
select is(jobs.enqueue_all('[]'), '{}', 'none');
select throws_ok($$ select jobs.enqueue_all('{}') $$, '22023', null, 'no array');
select throws_ok(
  $$ select jobs.enqueue_all('[{"kind": "a"}, {"kind": "a", "prio": 1}]') $$, '22023',
  'a job has no "prio"', 'no such argument'
);
select throws_ok($$ select jobs.enqueue_all('[{}]') $$, '22023', null, 'no kind');

set local role authenticated;
select throws_ok($$ select jobs.enqueue_all('[]') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.enqueue_all('[]') $$, '42501', null, 'not for anon');

select * from finish();
