select plan(8);

create role app_editor_of_tests;
create role app_boss_of_tests;
grant service_role to app_boss_of_tests;
select ok(auth.is_role_of_users('authenticated'), 'the usual one');
select ok(auth.is_role_of_users('app_editor_of_tests'), 'one of the application');
select ok(not auth.is_role_of_users('service_role'), 'not the service role');
select ok(not auth.is_role_of_users('fluxbase_admin'), 'nor the owner');
select ok(not auth.is_role_of_users('app_boss_of_tests'), 'nor who may become it');
select ok(not auth.is_role_of_users('authenticator'), 'nor a login');
select ok(not auth.is_role_of_users('nobody_of_tests'), 'nor one that is not there');

set local role service_role;
select throws_ok(
  $$ select auth.is_role_of_users('anon') $$, '42501', null, 'for functions of ours'
);

select * from finish();
