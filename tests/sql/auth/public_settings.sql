select plan(4);

set local role service_role;
select ok(
  auth.public_settings()
  @> '{"external": {"email": true, "phone": false, "anonymous_users": false},
    "disable_signup": false, "mailer_autoconfirm": false}',
  'what a sign-in page offers'
);
select auth.set_setting('anonymous_users_enabled', 'true');
select auth.set_setting('disable_signup', 'true');
select ok(
  auth.public_settings() @> '{"external": {"anonymous_users": true}, "disable_signup": true}',
  'follows the settings'
);
select ok(not auth.public_settings() ? 'site_url', 'and tells nothing else of them');

reset role;
set local role anon;
select throws_ok($$ select auth.public_settings() $$, '42501', null, 'processes tell it');

select * from finish();
