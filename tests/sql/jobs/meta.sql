select plan(15);

select is(jobs.meta('mail', 25, null), null, 'nothing is null');
select is(jobs.meta('mail', 1, '1.5 s'), '{"timeout": 1.5}', 'a time-out is in seconds');
select set_config('request.traceparent', '00-1-2-01', true);
select is(
  jobs.meta(repeat('m', 200), 1000, '30 days'),
  '{"timeout": 2592000, "traceparent": "00-1-2-01"}',
  'the trace of the request comes along'
);
select is(jobs.meta('mail', 25, null), '{"traceparent": "00-1-2-01"}', 'without a time-out too');
select set_config('request.traceparent', '', true);
select set_config('fluxbase.schedule', '{"name": "daily"}', true);
select is(
  jobs.meta('mail', 25, null), '{"schedule": {"name": "daily"}}', 'and its schedule, if it has one'
);
select set_config('fluxbase.schedule', '', true);
select is(jobs.meta('mail', 25, null), null, 'after that nothing again');
select throws_ok($$ select jobs.meta(null, 25, null) $$, '22023', null, 'a kind is needed');
select throws_ok($$ select jobs.meta('', 25, null) $$, '22023', null, 'one with a name');
select throws_ok($$ select jobs.meta(repeat('m', 201), 25, null) $$, '22023', null, 'a short one');
select throws_ok($$ select jobs.meta('mail', 0, null) $$, '22023', null, 'tried at least once');
select throws_ok($$ select jobs.meta('mail', 1001, null) $$, '22023', null, 'at most 1000 times');
select throws_ok($$ select jobs.meta('mail', null, null) $$, '22023', null, 'a number of times');
select throws_ok($$ select jobs.meta('mail', 25, '0') $$, '22023', null, 'no time is too short');
select throws_ok($$ select jobs.meta('mail', 25, '31 days') $$, '22023', null, 'a month too long');

set local role service_role;
select throws_ok($$ select jobs.meta('mail', 25, null) $$, '42501', null, 'not for callers');

select * from finish();
