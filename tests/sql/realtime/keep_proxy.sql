select plan(7);

set local role fluxbase_replication;

select ok(not realtime.keep_proxy('a', 'one', '5 s'), 'a new process holds nothing yet');
select ok(realtime.keep_proxy('a', 'one', '5 s'), 'then what it entered is there');
select throws_ok($$ select from realtime.proxies $$, '42501', null, 'its table stays closed');
select ok(realtime.keep_proxy('a', 'one', '-1 s'), 'it gives its lease back');
select ok(not realtime.keep_proxy('a', 'one', '5 s'), 'who was dead may have lost all');

reset role;

select row_eq(
  $$ select p.name, p.live_until > clock_timestamp() + interval '4 s' from realtime.proxies as p $$,
  row('one'::text, true),
  'and lives again'
);

set local role service_role;

select throws_ok(
  $$ select realtime.keep_proxy('b', 'two', '5 s') $$,
  '42501', null,
  'only processes hold connections'
);

select * from finish();
