select plan(13);

set local role service_role;
create temporary table made as
select
  jobs.enqueue('a', '1', 'q', 'n', owner => '00000000-0000-4000-8000-00000000000a') as ready,
  jobs.enqueue('b', '2', 'q', 'n', owner => '00000000-0000-4000-8000-00000000000b') as others,
  jobs.enqueue(
    'c', '3', 'q', 'n', 3, 'tomorrow', owner => '00000000-0000-4000-8000-00000000000a',
    timeout => '1 min'
  ) as later;
reset role;
insert into jobs.dead (id, enqueued_at, lane, owner, attempt, max_attempts, kind, args)
select -1, now(), r.lane, '00000000-0000-4000-8000-00000000000a', 5, 5, 'd', '4'
from made as m
join jobs.ready as r on r.id = m.ready;
insert into jobs.progress (id, token, percent, message, data, started_at, updated_at, owner)
select m.ready, 1, 25, 'well', '[1]', now() - interval '1 min', now(),
  '00000000-0000-4000-8000-00000000000a'
from made as m;

set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-00000000000a"}', true);
select results_eq(
  $$
    select j.kind, j.state, j.args, j.queue, j.priority::integer, j.attempt::integer, j.run_at
    from jobs.jobs as j
    order by j.kind
  $$,
  $$
    values
      ('a', 'ready', '1'::jsonb, 'q', 2, 0, null::timestamptz),
      ('c', 'scheduled', '3', 'q', 3, 0, 'tomorrow'), ('d', 'dead', '4', 'q', 2, 5, null)
  $$,
  'owners see their own'
);
select results_eq(
  $$ select j.percent, j.message, j.data, j.expected_at from jobs.jobs as j where j.kind = 'a' $$,
  $$ values (25::real, 'well', '[1]'::jsonb, now() + interval '3 min') $$,
  'how far they have come, and when they will be done'
);
select results_eq(
  $$ select count(*) from jobs.progress union all select count(*) from jobs.waiting $$,
  $$ values (1::bigint), (1) $$,
  'the tables as well'
);
select set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-00000000000c"}', true);
select is_empty('select from jobs.jobs', 'others nothing');
select set_config('request.jwt.claims', '', true);
select is_empty('select from jobs.jobs', 'nor whoever is nobody');
select throws_ok('select from jobs.ready_0', '42501', null, 'the segments are no way around');
select throws_ok('select from jobs.batches', '42501', null, 'nor is what runs');
select throws_ok('select from jobs.specials', '42501', null, 'nor are keys');
select throws_ok(
  $$ update jobs.waiting set run_at = now() $$, '42501', null, 'to see is not to change'
);

set local role service_role;
select is((select count(*) from jobs.jobs), 4::bigint, 'the service sees all');
reset role;
-- A job that was tried before has a row for each attempt.
select jobs.add_ready(array[
  row(m.ready, now(), now(), null, r.lane, 1, 5, false, 'a', '1', null)::jobs.waiting
])
from made as m
join jobs.ready as r on r.id = m.ready;
update jobs.ready as r
set xid = '3'
where r.attempt = 0;
select results_eq(
  $$ select j.attempt::integer from made as m join jobs.jobs as j on j.id = m.ready $$, array[1],
  'of a job its last attempt'
);
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select m.ready, 'infinity', now(), r.lane, 2, 5, false, 'a', '1'
from made as m
join jobs.ready as r on r.id = m.ready and r.attempt = 1;
select results_eq(
  $$ select j.state, j.run_at from made as m join jobs.jobs as j on j.id = m.ready $$,
  $$ values ('running', null::timestamptz) $$,
  'one that runs, whose segment may go'
);

set local role anon;
select throws_ok('select from jobs.jobs', '42501', null, 'not for anon');

select * from finish();
