select plan(9);

create policy listen on realtime.messages for select to authenticated
using (realtime.topic() = topic and topic like 'room%' and auth.uid() is not null);

create policy present on realtime.messages for select to authenticated
using (topic = 'lobby' and extension = 'presence');

create policy speak on realtime.messages for insert to authenticated
with check (realtime.topic() = 'room 1' and extension = 'broadcast');

-- As an array: read and write broadcasts, read and write presence.
create function pg_temp.may(topic text, role text default 'authenticated') returns boolean[]
language sql as $$
  select array[a.read_broadcast, a.write_broadcast, a.read_presence, a.write_presence]
  from realtime.authorize(
    topic, role,
    '{"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000ada0"}'
  ) as a
$$;

select is(pg_temp.may('room 1'), '{t,t,t,f}', 'listens to both, sends broadcasts');
reset role;
select is(pg_temp.may('room 2'), '{t,f,t,f}', 'listens only');
reset role;
select is(pg_temp.may('lobby'), '{f,f,t,f}', 'sees who is there only');
reset role;
select is(pg_temp.may('elsewhere'), '{f,f,f,f}', 'may nothing where no policy lets it');
reset role;
select is(pg_temp.may('room 1', 'anon'), '{f,f,f,f}', 'another role may nothing');
reset role;
select is(pg_temp.may('anything', 'service_role'), '{t,t,t,t}', 'the service role may all');
select is(current_user, 'service_role'::name, 'and it is who is left');
reset role;

create policy broken on realtime.messages for select to authenticated
using (1 / (length(topic) - length(topic)) = 1);
select throws_ok(
  $$ select realtime.authorize('room 1', 'authenticated', '{}') $$,
  '22012', null,
  'what a policy raises is raised'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.authorize('room 1', 'authenticated', '{}') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
