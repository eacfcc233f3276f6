select plan(14);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
grant select on made to service_role, authenticated;
insert into jobs.cursors (lane, seq, first, past, past_open, seen, seen_open, xid, id)
select m.lane, k.seq, 1, k.past::xid8, k.past_open::xid8[], k.seen::xid8, k.seen_open::xid8[],
  k.xid::xid8, k.id
from made as m
cross join (
  values (1, '9', '{9}', null, null, null, null), (2, '10', '{7}', '20', '{7,15}', '14', 5)
) as k (seq, past, past_open, seen, seen_open, xid, id);
insert into jobs.batches (worker, lane, kind, size, jobs, done, special, claimed_at)
select gen_random_uuid(), m.lane, 'a', 2, '{[-3,-1)}', '{[-3,-2)}', false, now()
from made as m;
insert into jobs.cancelled (id, reason)
values (-4, 'no'), (-5, 'no');
insert into jobs.failures (job, attempt, outcome, kind, lane, error)
select -6, 1, 'cancelled', 'a', m.lane, 'no'
from made as m;

set local role authenticated;
select is(jobs.state_of(m.lane, '9', -2), 'running', 'in a batch') from made as m;
select is(jobs.state_of(m.lane, '9', -3), 'completed', 'ended in a batch') from made as m;
select is(jobs.state_of(m.lane, '7', 1), 'ready', 'of one that was open') from made as m;
select is(jobs.state_of(m.lane, '10', 1), 'completed', 'of the last look') from made as m;
select is(jobs.state_of(m.lane, '14', 5), 'completed', 'the last row') from made as m;
select is(jobs.state_of(m.lane, '14', 6), 'ready', 'the one after it') from made as m;
select is(jobs.state_of(m.lane, '15', 1), 'ready', 'open at the last look') from made as m;
select is(jobs.state_of(m.lane, '20', 1), 'ready', 'after the last look') from made as m;
select is(jobs.state_of(m.lane, '14', -4), 'completed', 'done when it was cancelled')
from made as m;
select is(jobs.state_of(m.lane, '20', -5), 'cancelled', 'cancelled before it began')
from made as m;
select is(jobs.state_of(m.lane, '9', -6), 'cancelled', 'and taken away') from made as m;
select is(jobs.state_of(0, '9', 1), 'ready', 'of a lane of which none was claimed');
select is(jobs.state_of(null, null, null), 'ready', 'nothing');

set local role anon;
select throws_ok($$ select jobs.state_of(1, '9', 1) $$, '42501', null, 'not for anon');

select * from finish();
