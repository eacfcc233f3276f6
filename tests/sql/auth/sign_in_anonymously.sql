select plan(5);

set local role service_role;
select is(
  auth.sign_in_anonymously(), '{"error": "anonymous_provider_disabled"}', 'if that is on'
);
select auth.set_setting('anonymous_users_enabled', 'true');
select ok(
  auth.sign_in_anonymously('{"name": "somebody"}')
  @> '{"counter": 0, "claims": {"is_anonymous": true, "email": "", "amr": [{"method": "anonymous"}],
    "user_metadata": {"name": "somebody"}, "app_metadata": {}}, "user": {"is_anonymous": true}}',
  'a user of whom nothing is known'
);
select isnt(
  auth.sign_in_anonymously() #> '{user,id}', auth.sign_in_anonymously() #> '{user,id}',
  'another each time'
);
select auth.set_setting('disable_signup', 'true');
select is(auth.sign_in_anonymously(), '{"error": "signup_disabled"}', 'or anything');

reset role;
set local role anon;
select throws_ok(
  $$ select auth.sign_in_anonymously() $$, '42501', null, 'a process asks, not a client'
);

select * from finish();
