select plan(6);

set local role service_role;
create temp table made as
  select m.*, auth.open_session(m.ada, 'password') as here,
    auth.open_session(m.anonymous, 'anonymous') as there
  from (
    select
      auth.register_user('ada@again.test', null, 'hash', null, true) as ada,
      auth.make_user(null, null, null) as anonymous
  ) as m;
grant select on made to public;
select is(
  auth.request_reauthentication(m.here, m.ada, '{"hash": "again-1"}'), '{}', 'a code by mail'
)
from made as m;
select is(
  auth.request_reauthentication(m.here, m.ada, '{"hash": "again-2"}') ->> 'error',
  'over_email_send_rate_limit', 'one a minute'
)
from made as m;
select is(
  auth.request_reauthentication(m.there, m.anonymous, '{"hash": "again-3"}') ->> 'error',
  'validation_failed', 'who has no address gets none'
)
from made as m;
select is(
  auth.request_reauthentication(m.there, m.ada, '{"hash": "again-4"}') ->> 'error',
  'session_not_found', 'for the session''s own user'
)
from made as m;
reset role;
select results_eq(
  $$
    select q.kind, q.to_address
    from auth.mails as q
    join made as m on m.ada = q.user_id
  $$,
  $$ values ('reauthentication', 'ada@again.test') $$,
  'to their address'
);

set local role authenticated;
select throws_ok(
  $$ select auth.request_reauthentication(gen_random_uuid(), auth.uid(), '{}') $$, '42501', null,
  'not for users'
);

select * from finish();
