select plan(19);

create temporary table made as
select jobs.hold_key('n', 'k', 'keep', '1', null) as id;

select ok(m.id > 0, 'a free key is taken') from made as m;
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select m.id, 'tomorrow', now(), jobs.lane('n', 'q', 2), 0, 1, true, 'a', '1'
from made as m;
select is(jobs.hold_key('n', 'k', 'keep', '2', null), -m.id, 'then it is held') from made as m;
select ok(jobs.hold_key('m', 'k', 'keep', '2', null) > 0, 'in its namespace');
select is(s.args, null, 'keep changes nothing')
from made as m
join jobs.specials as s on s.id = m.id;

select is(jobs.hold_key('n', 'k', 'replace', '3', null), -m.id, 'replace changes it')
from made as m;
select is(s.args, '3', 'namely its arguments')
from made as m
join jobs.specials as s on s.id = m.id;

select jobs.hold_key('n', 'k', 'replace', '4', 'today');
select is((select w.run_at from jobs.waiting as w), timestamptz 'tomorrow', 'not its time');
select is(jobs.hold_key('n', 'k', 'debounce', '5', '2100-01-01'), -m.id, 'debounce does')
from made as m;
select is((select w.run_at from jobs.waiting as w), timestamptz '2100-01-01', 'its time');
select is(s.args, '5', 'and its arguments')
from made as m
join jobs.specials as s on s.id = m.id;
select jobs.hold_key('n', 'k', 'debounce', '5', null);
select ok(
  (select w.run_at <= clock_timestamp() from jobs.waiting as w), 'without a time it is now'
);

-- It runs.
update jobs.waiting
set run_at = 'infinity';
insert into jobs.batches (worker, lane, kind, size, jobs, special, claimed_at)
select gen_random_uuid(), 1, 'a', 1, int8multirange(int8range(m.id, m.id + 1)), true, now()
from made as m;
select is(jobs.hold_key('n', 'k', 'keep', '6', null), -m.id, 'while it runs it keeps the key')
from made as m;
select ok(jobs.hold_key('n', 'k', 'replace', '7', null) > m.id, 'until another is to follow it')
from made as m;
select results_eq(
  $$ select s.unique_key, s.args from made as m join jobs.specials as s on s.id = m.id $$,
  $$ values (null::text, '5'::jsonb) $$,
  'whose arguments are its own'
);

-- Its job ended while another transaction had its row.
select jobs.hold_key('n', 'left', 'keep', '1', null);
select ok(jobs.hold_key('n', 'left', 'keep', '2', null) > 0, 'what has ended has no key');
select ok(jobs.hold_key('n', 'left', 'debounce', '2', null) > 0, 'whatever is to be done');

select throws_ok($$ select jobs.hold_key('n', 'k', 'no', '1', null) $$, '22023', null, 'no way');
select throws_ok($$ select jobs.hold_key('n', '', 'keep', '1', null) $$, '23514', null, 'no key');

set local role service_role;
select throws_ok(
  $$ select jobs.hold_key('n', 'k', 'keep', '1', null) $$, '42501', null, 'not for callers'
);

select * from finish();
