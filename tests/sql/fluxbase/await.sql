-- What it waits for comes from other transactions: those tests are in Go. Here it sees
-- only that it may not be called in one that has written, as each pgTAP file has.
select plan(3);

set local role service_role;

select throws_ok(
  $$ select fluxbase.await('0/1') $$,
  '25001', 'what is waited for must be committed first',
  'what is not committed yet can be confirmed by nobody'
);

set local role authenticated;

select throws_ok(
  $$ select fluxbase.await('0/1') $$,
  '42501', null,
  'a user may not wait'
);

set local role fluxbase_replication;

select throws_ok(
  $$ select fluxbase.await('0/1') $$,
  '42501', null,
  'nor a process that follows the stream'
);

select * from finish();
