-- With a slot, and as one is lost, it is tested in Go: a slot can't be made here.
select plan(3);

set local role service_role;
select is_empty('select * from realtime.slot_health()', 'no slot');

set local role fluxbase_replication;
select lives_ok('select * from realtime.slot_health()', 'who follows the stream may look');

set local role authenticated;
select throws_ok('select * from realtime.slot_health()', '42501', null, 'a user may not');

select * from finish();
