select plan(10);

set local role service_role;
select auth.set_setting('phone_enabled', 'true');
create temp table made as
  select
    auth.register_user('ada@resend.test', null, 'hash') as waits,
    auth.register_user('bob@resend.test', null, 'hash', null, true) as confirmed,
    auth.register_user(null, '15550009999', null) as phone;
select is(
  auth.resend('signup', 'ada@resend.test', '{"new": {"hash": "resend-1"}}'), '{}',
  'who has not confirmed'
);
select is(
  auth.resend('signup', 'bob@resend.test', '{"new": {"hash": "resend-2"}}'), '{}', 'who has'
);
select is(
  auth.resend('signup', 'eve@resend.test', '{"new": {"hash": "resend-3"}}'), '{}',
  'and who is not known are told the same'
);
select is(
  auth.resend('signup', 'eve@resend.test', '{"new": {"hash": "resend-3"}}') ->> 'error',
  'over_email_send_rate_limit', 'and have to wait alike'
);
select ok(auth.verify('signup', 'resend-1') ? 'session_id', 'one gets a link');
select is(
  auth.resend('sms', '15550009999', '{"new": {"hash": "resend-4"}}') #>> '{sms,phone}',
  '15550009999', 'a code'
);
select auth.begin_change(
  m.confirmed, 'email', 'new@resend.test',
  '{"now": {"hash": "resend-5"}, "new": {"hash": "resend-6"}}'
)
from made as m;
select is(
  auth.resend(
    'email_change', 'new@resend.test',
    '{"now": {"hash": "resend-7"}, "new": {"hash": "resend-8"}}'
  ) -> 'sms',
  'null', 'a change'
);
select is(auth.verify('email_change', 'resend-5') ->> 'why', 'superseded', 'has new links');
select is(
  auth.resend('recovery', 'bob@resend.test', '{}') ->> 'error', 'validation_failed',
  'nothing else is sent again'
);

set local role anon;
select throws_ok(
  $$ select auth.resend('signup', 'a@b.test', '{}') $$, '42501', null, 'not for clients'
);

select * from finish();
