-- That the processes accept what it sends is a test in Go: it takes a stream.
select plan(5);

select ok(
  fluxbase.emit('test', '{"a": 1}') between pg_current_wal_insert_lsn() - 8192
    and pg_current_wal_insert_lsn(),
  'it returns the place of the message'
);

insert into fluxbase.message_keys default values;

select isnt(
  (select k.key from fluxbase.message_keys as k order by k.id limit 1),
  (select k.key from fluxbase.message_keys as k order by k.id desc limit 1),
  'another key is another'
);

select throws_ok(
  $$ insert into fluxbase.message_keys (key) values ('short') $$,
  '23514', null,
  'a key has 256 bits'
);

set local role service_role;

select throws_ok(
  $$ select fluxbase.emit('ddl', '{}') $$,
  '42501', null,
  'nobody else has his messages signed'
);
select throws_ok(
  $$ select from fluxbase.message_keys $$,
  '42501', null,
  'nor reads the keys'
);

select * from finish();
