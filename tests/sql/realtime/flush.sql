select plan(3);

set local synchronous_commit = off;
set local role fluxbase_replication;
select realtime.flush('0/1');
select is(current_setting('synchronous_commit'), 'off', 'what is on disk is not waited for');
select realtime.flush('FFFFFFFF/0');
select is(current_setting('synchronous_commit'), 'on', 'for what is not, the commit waits');

set local role authenticated;
select throws_ok(
  $$select realtime.flush('0/1')$$, '42501', null, 'a user may not make the server wait'
);

select * from finish();
