select plan(6);

select is(audit.actor(), 'login:' || session_user, 'who has no claims is a login');
select set_config('request.jwt.claims', '', true);
select is(audit.actor(), 'login:' || session_user, 'nor has one whose claims are gone');
select set_config('request.jwt.claims', '{"role":"service_role"}', true);
select is(audit.actor(), 'role:service_role', 'a key of no id is its role');
select set_config('request.jwt.claims', '{"role":"service_role","service_key":"abc"}', true);
select is(audit.actor(), 'key:abc', 'a service key');
select set_config('request.jwt.claims', '{"role":"authenticated","sub":"ada"}', true);
select is(audit.actor(), 'user:ada', 'a user');

set local role authenticated;
select throws_ok($$ select audit.actor() $$, '42501', null, 'not for users');

select * from finish();
