select plan(9);

set local role fluxbase_admin;
insert into jobs.batches (token, worker, lane, kind, size, jobs, done, special, claimed_at)
overriding system value
values (
  -5, '00000000-0000-4000-8000-000000000001', jobs.lane('n', 'q', 2), 'k', 2, '{[-2,0)}',
  '{[-1,0)}', false, now()
);

set local role service_role;
select is(jobs.step(-2, -5, 'pay', '{"n": 1}'), '{"n": 1}', 'what it came to');
select is(jobs.step(-2, -5, 'pay', '{"n": 2}'), '{"n": 1}', 'what it came to the first time');
select ok(
  (select b.special from jobs.batches as b where b.token = -5), 'to be forgotten at the end'
);
select throws_ok(
  $$ select jobs.step(-1, -5, 'pay', '1') $$, '55000', 'job -1 does not run under the token -5',
  'a job that has ended'
);
select throws_ok($$ select jobs.step(-2, -4, 'pay', '1') $$, '55000', null, 'an older token');
select throws_ok($$ select jobs.step(-2, -5, '', '1') $$, '23514', null, 'no name');
select throws_ok($$ select jobs.step(-2, -5, 'a', null) $$, '23502', null, 'no result');
select throws_ok($$ select jobs.step(null, null, 'a', '1') $$, '55000', null, 'no job');

set local role authenticated;
select throws_ok($$ select jobs.step(-2, -5, 'pay', '1') $$, '42501', null, 'users may not');

select * from finish();
