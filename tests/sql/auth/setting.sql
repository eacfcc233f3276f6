select plan(5);

set local role service_role;
select is(auth.setting('jwt_exp'), '3600', 'what holds unless it is set');
select auth.set_setting('jwt_exp', '60');
select is(auth.setting('jwt_exp'), '60', 'what was set');
select is(auth.setting('nothing'), null, 'no setting of that name');
select throws_ok($$ select from auth.settings $$, '42501', null, 'nobody reads the table');

reset role;
set local role authenticated;
select throws_ok($$ select auth.setting('jwt_exp') $$, '42501', null, 'not for users');

select * from finish();
