select plan(3);

set local role authenticator;
select realtime.insert_probes('room');

reset role;
select bag_eq(
  $$ select m.topic, m.extension, m.event from realtime.messages as m $$,
  $$ values ('room', 'broadcast', null::text), ('room', 'presence', null) $$,
  'a row of each extension'
);

set constraints all immediate;
select is_empty($$ select from realtime.messages $$, 'none would stay');

set local role authenticated;
select throws_ok(
  $$ select realtime.insert_probes('room') $$,
  '42501', null,
  'a user may not insert them'
);

select * from finish();
