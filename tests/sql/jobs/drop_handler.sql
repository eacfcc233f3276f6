select plan(5);

set local role service_role;
select is(jobs.drop_handler('post'), false, 'there is none');
select jobs.set_handler('post', url => 'https://a.test');
select is(jobs.drop_handler('post', 'n'), false, 'nor in another namespace');
select is(jobs.drop_handler('post'), true, 'it goes');

set local role authenticated;
select throws_ok($$ select jobs.drop_handler('post') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.drop_handler('post') $$, '42501', null, 'not for anon');

select * from finish();
