select plan(5);

set local role fluxbase_admin;
select jobs.add_history(array[
  row('', '', '2026-01-01', 3, null, null, null, null, 7, null, 1, 2, 3, '{1,0}'),
  row('', '', '2026-01-01', 2, 5, null, null, null, null, 4, 1, 0, 0, '{}'),
  row('n', 'q', '2026-01-01', 9, null, null, null, null, null, null, 0, 0, 0, '{}')
]::jobs.history[]);
select jobs.add_history(array[
  row('', '', '2026-01-01', 1, 6, null, null, null, null, null, 10, 0, 0, '{4,5}')
]::jobs.history[]);
select is(
  row(h.ready, h.running, h.oldest_seconds, h.last_id, h.completed, h.failed, h.died, h.durations),
  row(3::bigint, 6::bigint, 7::double precision, 4::bigint, 12::bigint, 2::bigint, 3::bigint,
    '{5,5}'::bigint[]),
  'the highest of what there was, the sum of what ended'
)
from jobs.history as h
where h.queue = '';
select is(count(*), 2::bigint, 'a row for each queue') from jobs.history;
select lives_ok($$ select jobs.add_history(null) $$, 'nothing');

set local role service_role;
select throws_ok($$ select jobs.add_history(null) $$, '42501', null, 'not for the service role');
set local role anon;
select throws_ok($$ select jobs.add_history(null) $$, '42501', null, 'not for anon');

select * from finish();
