select plan(7);

set local role fluxbase_admin;
select is(jobs.room(null, null, null, 7), 7::bigint, 'no rate, no end');
select is(jobs.room(null, 1, 3, 7), 3::bigint, 'the burst at once');
select is(jobs.room(now() - interval '1 day', 1, 3, 2), 2::bigint, 'no more than are wanted');
select is(
  jobs.room(clock_timestamp() + interval '1.5 s', 1, 3, 7), 1::bigint, 'what has come back'
);
select is(jobs.room(clock_timestamp() + interval '1 hour', 1, 3, 7), 0::bigint, 'none is left');
select is(jobs.room(null, 1, 3, 0), 0::bigint, 'who wants none gets none');

set local role service_role;
select throws_ok($$ select jobs.room(null, 1, 3, 0) $$, '42501', null, 'for the queue alone');

select * from finish();
