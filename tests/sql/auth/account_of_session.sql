select plan(5);

set local role service_role;
create temp table made as
  select m.ada, auth.open_session(m.ada, 'password') as here,
    auth.open_session(m.ada, 'recovery') as recovered
  from (select auth.register_user('ada@account.test', null, 'hash', null, true) as ada) as m;
select is(
  auth.account_of_session(m.here, m.ada) - 'redirects' - 'id',
  '{"email": "ada@account.test", "phone": "", "hash": "hash", "current_password": false}',
  'what a process needs'
)
from made as m;
select auth.set_setting('security_update_password_require_current_password', 'true');
select is(
  auth.account_of_session(m.here, m.ada) -> 'current_password', 'true', 'the old password, too'
)
from made as m;
select is(
  auth.account_of_session(m.recovered, m.ada) -> 'current_password', 'false',
  'but of who has forgotten it'
)
from made as m;
select is(
  auth.account_of_session(m.here, gen_random_uuid()), '{"error": "user_not_found"}', 'of a session'
)
from made as m;

set local role authenticated;
select throws_ok(
  $$ select auth.account_of_session(gen_random_uuid(), auth.uid()) $$, '42501', null,
  'users see no hash'
);

select * from finish();
