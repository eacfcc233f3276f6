-- That a broadcast arrives is a test in Go: it takes a stream.
select plan(4);

create temp table before as select pg_current_wal_insert_lsn() as lsn;

insert into realtime.messages (topic, event, payload) values ('room', 'said', '{"a": 1}');
select is((select count(*) from realtime.messages), 1::bigint, 'a row is there until the commit');

set constraints all immediate;
select is_empty($$ select from realtime.messages $$, 'and no longer');
select ok(
  pg_current_wal_insert_lsn() - (select b.lsn from before as b) > 100,
  'the log has the message'
);

select throws_ok(
  $$ insert into realtime.messages (topic, extension) values ('room', 'other') $$,
  '23514', null,
  'there are two extensions'
);

select * from finish();
