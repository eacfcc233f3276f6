select plan(3);

select is(auth.token_lifetime(), '1 hour', 'an hour');
select auth.set_setting('jwt_exp', '90');
select is(auth.token_lifetime(), '90 s', 'or what the setting says');

set local role service_role;
select throws_ok($$ select auth.token_lifetime() $$, '42501', null, 'for functions of ours');

select * from finish();
