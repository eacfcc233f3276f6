select plan(3);

set local role service_role;
select is(
  auth.redirect_settings(),
  '{"site_url": "", "uri_allow_list": [], "verify_page": false, "mailer_autoconfirm": false}',
  'what holds without a setting'
);
select auth.set_setting('uri_allow_list', '["https://app.test/**"]');
select is(
  auth.redirect_settings() -> 'uri_allow_list', '["https://app.test/**"]', 'what was set'
);

set local role authenticated;
select throws_ok($$ select auth.redirect_settings() $$, '42501', null, 'not for users');

select * from finish();
