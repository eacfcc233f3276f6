select plan(7);

set local role service_role;
create temp table ada as
  select auth.register_user('ada@lost.test', null, 'hash', null, true) as id;
select is(auth.request_recovery('Ada@lost.test', '{"hash": "lost-1"}'), '{}', 'who is known');
select is(
  auth.request_recovery('nobody@lost.test', '{"hash": "lost-2"}'), '{}', 'and who is not are told'
);
select is(
  auth.request_recovery('ada@lost.test', '{"hash": "lost-3"}') - 'message' - 'retry_after',
  auth.request_recovery('nobody@lost.test', '{"hash": "lost-4"}') - 'message' - 'retry_after',
  'the same, also too early'
);
select is(
  auth.verify('recovery', 'lost-1') #>> '{claims,amr,0,method}', 'recovery', 'the link signs in'
);
select ok(not auth.verify('recovery', 'lost-2') ? 'session_id', 'the other is none');
select auth.set_setting('email_enabled', 'false');
select is(
  auth.request_recovery('ada@lost.test', '{"hash": "lost-5"}'),
  '{"error": "email_provider_disabled"}', 'if addresses are on'
);

set local role anon;
select throws_ok(
  $$ select auth.request_recovery('a@b.test', '{}') $$, '42501', null, 'not for clients'
);

select * from finish();
