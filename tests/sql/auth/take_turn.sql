select plan(9);

set local role service_role;
select is(auth.take_turn('mail', 'ada@turn.test'), null, 'the first may go out');
select results_eq(
  $$
    select t.doc ->> 'error', (t.doc ->> 'retry_after')::integer between 1 and 60,
      t.doc ->> 'message' = 'For security purposes, you can only request this after '
        || (t.doc ->> 'retry_after') || ' seconds.'
    from auth.take_turn('mail', 'ada@turn.test') as t (doc)
  $$,
  $$ values ('over_email_send_rate_limit', true, true) $$,
  'the second has to wait, and is told how long'
);
select is(auth.take_turn('mail', 'bob@turn.test'), null, 'another address does not');
select is(auth.take_turn('sms', '15550001111'), null, 'a message');
select is(
  auth.take_turn('sms', '15550001111') ->> 'error', 'over_sms_send_rate_limit', 'waits, too'
);
reset role;
select is_empty(
  $$ select from auth.attempts as a where a.key like '%turn.test%' $$, 'no address is kept'
);
update auth.attempts as a
set blocked_until = now() - interval '1 s'
where a.kind = 'mail';
set local role service_role;
select is(auth.take_turn('mail', 'ada@turn.test'), null, 'later it may');
select auth.set_setting('smtp_max_frequency', '0');
select is(auth.take_turn('mail', 'ada@turn.test'), null, 'with no pause always');

set local role anon;
select throws_ok($$ select auth.take_turn('mail', 'a') $$, '42501', null, 'not for clients');

select * from finish();
