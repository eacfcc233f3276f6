select plan(9);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
create function pg_temp.add(xid text)
  returns void
  language sql
as $$
  delete from jobs.ready;
  insert into jobs.ready (
    id, xid, enqueued_at, lane, segment, attempt, max_attempts, special, kind, args
  )
  select 1, xid::xid8, now(), m.lane, 1, 0, 1, false, 'a', '1'
  from made as m;
$$;

select is(jobs.segment_has_ready(1), false, 'nothing is there');
select pg_temp.add('3');
select is(jobs.segment_has_ready(1), true, 'nobody has claimed yet');
select is(jobs.segment_has_ready(2), false, 'another segment');
insert into jobs.cursors (lane, seq, first, past, past_open)
select m.lane, 1, 1, '10', '{7}'
from made as m;
select is(jobs.segment_has_ready(1), false, 'it was handed out');
select pg_temp.add('7');
select is(jobs.segment_has_ready(1), true, 'one that was open');
select pg_temp.add('10');
select is(jobs.segment_has_ready(1), true, 'one that had not begun');
insert into jobs.cursors (lane, seq, first, past, past_open, seen, seen_open, xid, id)
select m.lane, 2, 1, '10', '{7}', '20', '{}', '10', 1
from made as m;
select is(jobs.segment_has_ready(1), true, 'not as long as the cursor does not say so for good');
select is(jobs.segment_has_ready(null), false, 'no segment');

set local role service_role;
select throws_ok($$ select jobs.segment_has_ready(1) $$, '42501', null, 'not for callers');

select * from finish();
