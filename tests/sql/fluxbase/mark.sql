select plan(4);

set local synchronous_commit = off;
set local role service_role;

select ok(
  fluxbase.mark() < fluxbase.mark(),
  'each mark is a place of its own'
);
select is(
  current_setting('synchronous_commit'), 'local',
  'it is flushed at the commit'
);

set local synchronous_commit = remote_apply;
select fluxbase.mark();

select is(
  current_setting('synchronous_commit'), 'remote_apply',
  'and waits for standbys as it was asked to'
);

set local role authenticated;

select throws_ok(
  $$ select fluxbase.mark() $$,
  '42501', null,
  'a user does not trouble the processes'
);

select * from finish();
