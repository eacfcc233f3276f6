select plan(13);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane, '00000000-0000-4000-8000-000000000001'::uuid as worker;
create function pg_temp.take(want integer)
  returns table (id bigint, args jsonb, attempt integer)
  language sql
as $$
  select t.id, t.args, t.attempt
  from made as m, jobs.take(m.worker, m.lane, want) as t
$$;

select jobs.add_ready(array(
  select row(
    -i, now(), now(), null, m.lane, i, 25, i in (3, 4),
    case when i % 2 = 0 then 'even' else 'odd' end, i::text, null
  )::jobs.waiting
  from made as m, generate_series(1, 6) as i
));
update jobs.ready as r
set xid = case when r.id < -3 then '4' else '3' end::xid8
where r.id < 0;
insert into jobs.specials (id, namespace, unique_key, args)
values (-3, 'n', 'k', '"new"'), (-4, 'n', 'l', null);
insert into jobs.cancelled (id, reason)
values (-2, 'why not');

select results_eq(
  'select t.* from pg_temp.take(3) as t',
  $$ values (-3::bigint, '"new"'::jsonb, 4), (-1, '1', 2), (-6, '6', 7) $$,
  'by transaction and id, without what is cancelled, with new arguments'
);
select is_empty('select from jobs.cancelled where id = -2', 'that one is over');
select results_eq(
  'select k.seen is null, k.xid, k.id from jobs.cursors as k, made as m where k.lane = m.lane
   order by k.seq desc limit 1',
  $$ values (false, '4'::xid8, -6::bigint) $$,
  'the cursor stands at the last one'
);
select results_eq(
  'select t.* from pg_temp.take(2) as t',
  $$ values (-5::bigint, '5'::jsonb, 6), (-4, '4', 5) $$,
  'the rest, as many as were wanted'
);
select is_empty('select t.* from pg_temp.take(2) as t', 'then none');
select results_eq(
  'select b.kind, b.size, b.jobs from jobs.batches as b, made as m where b.lane = m.lane
   order by b.token',
  $$
    values
      ('odd', 2, '{[-3,-2),[-1,0)}'::int8multirange), ('even', 1, '{[-6,-5)}'),
      ('even', 1, '{[-4,-3)}'), ('odd', 1, '{[-5,-4)}')
  $$,
  'in batches of a kind'
);
select results_eq(
  $$
    select bool_or(b.special) filter (where b.jobs @> (-3)::bigint),
      bool_or(b.special) filter (where b.jobs @> (-6)::bigint)
    from jobs.batches as b
  $$,
  'values (true, false)',
  'that know of more'
);

-- What is added after a look that was handed out to the last row.
select jobs.add_ready(array(
  select row(9e18::bigint, now(), now(), null, m.lane, 0, 1, false, 'odd', '7', null)::jobs.waiting
  from made as m
));
select is_empty('select t.* from pg_temp.take(1) as t', 'its own rows are for later');
update jobs.cursors
set past = '7', past_open = '{6}', seen = null;
update jobs.ready
set xid = '6'
where id = 9e18::bigint;
select results_eq(
  'select t.id from pg_temp.take(5) as t', 'values (9e18::bigint)',
  'one that was open is not passed over'
);
select is_empty('select t.* from pg_temp.take(5) as t', 'nor handed out twice');
select throws_ok(
  $$ select from jobs.take(gen_random_uuid(), 0, 1) $$, 'P0002', null, 'no such lane'
);
select is_empty(
  $$ select t.* from made as m, jobs.take(m.worker, m.lane, 0) as t $$, 'none wanted'
);

set local role service_role;
select throws_ok(
  $$ select from jobs.take(gen_random_uuid(), 1, 1) $$, '42501', null, 'not for callers'
);

select * from finish();
