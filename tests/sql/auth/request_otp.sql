select plan(12);

set local role service_role;
select auth.set_setting('smtp_max_frequency', '0');
select is(
  auth.request_otp('eve@otp.test', null, '{"hash": "otp-0"}', false),
  '{"error": "otp_disabled"}', 'who is not known and shall not be'
);
select is(
  auth.request_otp('Ada@otp.test', null, '{"hash": "otp-1"}', data => '{"name": "Ada"}'), '{}',
  'who is not known signs up'
);
select is(
  auth.verify('signup', 'otp-1') #>> '{user,user_metadata,name}', 'Ada', 'with what they say'
);
select is(auth.request_otp('ada@otp.test', null, '{"hash": "otp-2"}'), '{}', 'later signs in');
select ok(auth.verify('magiclink', 'otp-2') ? 'session_id', 'by a magic link');
select is(
  auth.request_otp(null, '15550006666', '{"hash": "otp-3"}'),
  '{"error": "phone_provider_disabled"}', 'by number if that is on'
);
select auth.set_setting('phone_enabled', 'true');
select is(
  auth.request_otp(null, '15550006666', '{"hash": "otp-3"}') #>> '{sms,phone}', '15550006666',
  'the code is to be sent'
);
select is(
  auth.request_otp(null, '15550006666', '{"hash": "otp-4"}') ->> 'error',
  'over_sms_send_rate_limit', 'not at once again'
);
select auth.set_setting('disable_signup', 'true');
select is(
  auth.request_otp('eve@otp.test', null, '{"hash": "otp-5"}'), '{"error": "signup_disabled"}',
  'nobody new if sign-up is off'
);
select is(auth.request_otp('ada@otp.test', null, '{"hash": "otp-6"}'), '{}', 'but who is known');
reset role;
select results_eq(
  $$
    select m.kind
    from auth.mails as m
    where m.to_address = 'ada@otp.test'
    order by m.created_at
  $$,
  array['confirmation', 'magic_link', 'magic_link'], 'the mails'
);

set local role anon;
select throws_ok(
  $$ select auth.request_otp('a@b.test', null, '{}') $$, '42501', null, 'not for clients'
);

select * from finish();
