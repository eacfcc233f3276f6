select plan(14);

create temporary table made as
select jobs.lane('n', 'q', 2) as lane;
create function pg_temp.cursor()
  returns text
  language sql
as $$
  select concat_ws(
    ' ', k.seq, k.first, k.past::text = '10', k.past_open, k.seen, k.seen_open, k.xid, k.id
  )
  from made as m
  join jobs.cursors as k on k.lane = m.lane
  order by k.seq desc
  limit 1
$$;
create function pg_temp.stand(seen text, seen_open text, xid text, id bigint)
  returns void
  language sql
as $$
  delete from jobs.cursors;
  insert into jobs.cursors (lane, seq, first, past, past_open, seen, seen_open, xid, id)
  select m.lane, s.seq, 2, '10', '{7}', seen::xid8, seen_open::xid8[], xid::xid8, id
  from made as m, generate_series(1, 3) as s (seq);
$$;
create function pg_temp.add(id bigint, xid text)
  returns void
  language sql
as $$
  delete from jobs.ready;
  insert into jobs.ready (
    id, xid, enqueued_at, lane, segment, attempt, max_attempts, special, kind, args
  )
  select id, xid::xid8, now(), m.lane, 0, 0, 1, false, 'a', '1'
  from made as m;
$$;

select lives_ok($$ select jobs.settle_lane(m.lane) from made as m $$, 'nobody has claimed yet');

-- What cannot be said without exceptions.
select pg_temp.stand(null, null, null, null);
select pg_temp.add(1, '7');
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '3 2 t {7}', 'one that was open has a row');
select pg_temp.add(1, '10');
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '3 2 t {7}', 'one came after it');
select pg_temp.stand('20', '{7,15}', '12', 5);
select pg_temp.add(6, '12');
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '3 2 t {7} 20 {7,15} 12 5', 'one of the last look is left');
select pg_temp.add(1, '15');
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '3 2 t {7} 20 {7,15} 12 5', 'one that was open at the last look');
select pg_temp.add(1, '21');
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '3 2 t {7} 20 {7,15} 12 5', 'one that came after it');
update jobs.cursors
set seq = 200
where seq = 3;
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '201 200 t {7} 20 {7,15} 12 5', 'many rows are cleared all the same');
select results_eq(
  $$ select k.seq from jobs.cursors as k join made as m on m.lane = k.lane order by k.seq $$,
  $$ values (1::bigint), (200), (201) $$,
  'and what was deleted is not looked at again'
);

-- What can.
select pg_temp.stand('20', '{7,15}', '12', 5);
select pg_temp.add(5, '12');
select jobs.settle_lane(m.lane)
from made as m;
select ok(
  k.seq = 4 and k.seen is null and k.past > '20' and k.past_open @> '{}', 'all is handed out'
)
from made as m
join jobs.cursors as k on k.lane = m.lane
order by k.seq desc
limit 1;
select pg_temp.stand(null, null, null, null);
select pg_temp.add(9, '8');
select jobs.settle_lane(m.lane)
from made as m;
select isnt(pg_temp.cursor(), '3 2 t {7}', 'what came before is too');
delete from jobs.cursors;
insert into jobs.cursors (lane, seq, first, past, past_open)
select m.lane, 1, 1, '10', '{}'
from made as m;
select jobs.settle_lane(m.lane)
from made as m;
select is(pg_temp.cursor(), '1 1 t {}', 'without exceptions there is nothing to say');

select lives_ok($$ select jobs.settle_lane(0) $$, 'no such lane');
set local role service_role;
select throws_ok($$ select jobs.settle_lane(1) $$, '42501', null, 'not for callers');
set local role authenticated;
select throws_ok($$ select jobs.settle_lane(1) $$, '42501', null, 'not for users');

select * from finish();
