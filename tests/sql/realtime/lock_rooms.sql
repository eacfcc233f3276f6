select plan(4);

create function pg_temp.locks() returns text
  language sql
  volatile
as $$
  select count(*) || ' ' || coalesce(max(l.mode), '')
  from pg_locks as l
  where l.locktype = 'advisory'
  and l.pid = pg_backend_pid()
  and l.classid = 'realtime.presences'::regclass
$$;

select realtime.lock_rooms('[]', true);
select is(pg_temp.locks(), '0 ', 'no channel, no lock');

select realtime.lock_rooms(
  '[{"topic": "a", "private": true}, {"topic": "a", "private": false},
    {"topic": "a", "private": true}]', false
);
select is(pg_temp.locks(), '2 ShareLock', 'each channel once, for those who read');

select realtime.lock_rooms('[{"topic": "b", "private": true}]', true);
select is(pg_temp.locks(), '3 ShareLock', 'and another');

set local role fluxbase_replication;
select throws_ok(
  $$ select realtime.lock_rooms('[]', true) $$,
  '42501', null,
  'nobody else locks'
);

select * from finish();
