select plan(9);

create temporary table made as
select jobs.lane('n', 'q', 2) as q, jobs.lane('n', 'p', 2) as p;
create function pg_temp.add(id bigint, lane integer, xid text, attempt integer default 0)
  returns void
  language sql
as $$
  insert into jobs.ready (
    id, xid, enqueued_at, lane, segment, attempt, max_attempts, special, kind, args
  )
  values (id, xid::xid8, now(), lane, 0, attempt, 5, false, 'a', '1');
$$;
select is(jobs.adopt(), false, 'this server''s own');

-- As in a dump of a server that had counted far.
select pg_temp.add(i.id, m.q, i.xid)
from made as m
cross join (
  values (-1, '900000000000'), (-2, '900000000005'), (-3, '900000000009'), (-4, '900000000010'),
    (-5, '900000000010'), (-6, '900000000020'), (-7, '900000000001'), (-8, '900000000001'),
    (-9, '900000000001')
) as i (id, xid);
select pg_temp.add(-10, m.p, '700000000000')
from made as m;
-- A second attempt of one that was handed out.
select pg_temp.add(-1, m.q, '900000000030', 1)
from made as m;
insert into jobs.cursors (lane, seq, first, past, past_open, seen, seen_open, xid, id)
select m.q, 7, 6, '900000000008', '{900000000005}', '900000000015',
  '{900000000005}', '900000000010', -5
from made as m;
-- Of those that were handed out one runs, one waits, and one is dead.
insert into jobs.batches (worker, lane, kind, size, jobs, special, claimed_at)
select gen_random_uuid(), m.q, 'a', 1, '{[-7,-6)}', false, now()
from made as m;
insert into jobs.waiting (
  id, run_at, enqueued_at, lane, attempt, max_attempts, special, kind, args
)
select -8, 'tomorrow', now(), m.q, 1, 5, false, 'a', '1'
from made as m;
insert into jobs.dead (id, enqueued_at, lane, attempt, max_attempts, kind, args)
select -9, now(), m.q, 5, 5, 'a', '1'
from made as m;
update jobs.homes
set xid = '3';

select is(jobs.adopt(), true, 'another server''s');
select results_eq(
  $$
    select r.id, r.attempt::integer, r.xid <= pg_current_xact_id(),
      jobs.state_of(r.lane, r.xid, r.id)
    from jobs.ready as r
    order by r.lane, r.xid, r.id
  $$,
  $$
    values
      (-7::bigint, 0, true, 'running'), (-2, 0, true, 'ready'), (-4, 0, true, 'ready'),
      (-6, 0, true, 'ready'), (-1, 1, true, 'ready'), (-10, 0, true, 'ready')
  $$,
  'what was to run is to run, in the order in which it was, and no other'
);
select results_eq(
  'select w.id from jobs.waiting as w union all select d.id from jobs.dead as d',
  $$ values (-8::bigint), (-9) $$,
  'what waits waits, and the dead are dead'
);
select is(jobs.adopt(), false, 'once');

update jobs.homes
set xid = '3';
insert into jobs.homes (xid)
values (pg_current_xact_id()::xid);
set local role service_role;
select ok(jobs.enqueue('a', queue => 'q', namespace => 'n') > 0, 'whoever comes first sees to it');
reset role;
select is((select count(*) from jobs.homes), 1::bigint, 'also where an extension was before it');
select is((select count(*) from jobs.ready), 7::bigint, 'then its job is added');

set local role service_role;
select throws_ok('select jobs.adopt()', '42501', null, 'not for callers');

select * from finish();
