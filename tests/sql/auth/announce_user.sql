select plan(11);

create function public.only_colleagues(event jsonb)
  returns jsonb
  language sql
return case
  when event #>> '{user,email}' like '%@example.com' then '{}'
  else '{"error": {"http_code": 403, "message": "Only colleagues"}}'
end::jsonb;
grant usage on schema public to supabase_auth_admin;
grant execute on function public.only_colleagues to supabase_auth_admin;

select auth.set_setting('anonymous_users_enabled', 'true');
select lives_ok(
  $$ select auth.announce_user('{"email": "eve@example.org"}') $$, 'nobody is asked without a hook'
);
select auth.set_setting(
  'hook_before_user_created_uri', '"pg-functions://postgres/public/only_colleagues"'
);
select lives_ok($$ select auth.announce_user('{"email": "ada@example.com"}') $$, 'it lets pass');
select throws_ok(
  $$ select auth.announce_user('{"email": "eve@example.org"}') $$, 'FXH01',
  'the hook before_user_created decides', 'it refuses'
);
select throws_ok(
  $$ select auth.make_user('eve@example.org', null, null) $$, 'FXH01', null, 'no user is made'
);
-- Flows tell it instead, since what is raised stands in the log, and have done nothing.
select is(flow.returned #>> '{announced,error,message}', 'Only colleagues', flow.name)
from (
  values
    ('sign_up', auth.sign_up('eve@example.org', null, 'hash')),
    ('sign_in_anonymously', auth.sign_in_anonymously()),
    ('request_otp', auth.request_otp('eve@example.org', null, '{}')),
    ('generate_link', auth.generate_link('invite', 'eve@example.org', '{}')),
    ('sign_in_with_identity', auth.sign_in_with_identity(
      'google', '7', '{"email": "eve@example.org", "email_verified": true}'
    ))
) as flow (name, returned);

set local auth.user_announced = 'yes';
select lives_ok(
  $$ select auth.announce_user('{"email": "eve@example.org"}') $$, 'the process has asked already'
);

set local role service_role;
select throws_ok($$ select auth.announce_user('{}') $$, '42501', null, 'for functions of ours');

select * from finish();
