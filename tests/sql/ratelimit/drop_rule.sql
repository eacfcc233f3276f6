select plan(4);

set local role service_role;

select ratelimit.set_rule('api', 'rest', 'caller', 100);
select ok(ratelimit.drop_rule('api'), 'it was there');
select is_empty($$ select from ratelimit.rules $$, 'and is gone');
select ok(not ratelimit.drop_rule('api'), 'there is no other');

set local role authenticator;
select throws_ok($$ select ratelimit.drop_rule('api') $$, '42501', null, 'not for logins');

select * from finish();
