select plan(3);

select ok(
  realtime.emit_presences('[]') between pg_current_wal_insert_lsn() - 8192
    and pg_current_wal_insert_lsn(),
  'a message has a place in the log'
);

set local role fluxbase_replication;
select throws_ok(
  $$ select realtime.emit_presences('[]') $$,
  '42501', null,
  'nobody says who is present without entering it'
);

set local role service_role;
select throws_ok(
  $$ select realtime.emit_presences('[]') $$,
  '42501', null,
  'nor a server of the application'
);

select * from finish();
