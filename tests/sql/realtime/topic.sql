select plan(3);

select is(realtime.topic(), null, 'there is no channel outside of one');

set local realtime.topic = 'room';
set local role authenticated;
select is(realtime.topic(), 'room', 'a policy learns the channel');

set local realtime.topic = '';
select is(realtime.topic(), null, 'a setting that was undone is none');

select * from finish();
