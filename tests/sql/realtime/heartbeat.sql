select plan(2);

set local role fluxbase_replication;
select ok(realtime.heartbeat() < realtime.heartbeat(), 'each moves the end of the log');

set local role authenticated;
select throws_ok('select realtime.heartbeat()', '42501', null, 'a user may not fill the log');

select * from finish();
