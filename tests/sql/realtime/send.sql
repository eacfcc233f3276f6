select plan(5);

create policy speak on realtime.messages for insert to authenticated
with check (realtime.topic() = 'room' and topic = 'room' and private);

set local role authenticated;
select lives_ok(
  $$ select realtime.send('{"a": 1}', 'said', 'room') $$,
  'a policy lets the caller send'
);
select throws_ok(
  $$ select realtime.send('{"a": 1}', 'said', 'other') $$,
  '42501', null,
  'not to another channel'
);
select throws_ok(
  $$ select realtime.send('{"a": 1}', 'said', 'room', false) $$,
  '42501', null,
  'nor to the public one of that name'
);

reset role;
select results_eq(
  $$ select m.topic, m.extension, m.event, m.payload, m.private from realtime.messages as m $$,
  $$ values ('room', 'broadcast', 'said', '{"a": 1}'::jsonb, true) $$,
  'the message waits for the commit'
);

set local role anon;
select throws_ok(
  $$ select realtime.send('{}', 'said', 'room') $$,
  '42501', null,
  'nobody else may send'
);

select * from finish();
