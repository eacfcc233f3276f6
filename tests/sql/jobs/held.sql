select plan(3);

-- What is claimed needs another transaction: tests/jobs_work_test.go.
set local role service_role;
select is_empty($$ select jobs.held(gen_random_uuid()) $$, 'nobody holds nothing');

set local role authenticated;
select throws_ok($$ select jobs.held(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.held(gen_random_uuid()) $$, '42501', null, 'not for anon');

select * from finish();
