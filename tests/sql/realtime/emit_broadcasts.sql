select plan(3);

set local role fluxbase_replication;
select ok(
  realtime.emit_broadcasts('[]') between pg_current_wal_insert_lsn() - 8192
    and pg_current_wal_insert_lsn(),
  'the process may send, and learns the place of the message'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.emit_broadcasts('[]') $$,
  '42501', null,
  'a user may not send past the policies'
);

set local role service_role;
select throws_ok(
  $$ select realtime.emit_broadcasts('[]') $$,
  '42501', null,
  'nor a server of the application'
);

select * from finish();
