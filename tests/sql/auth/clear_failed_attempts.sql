select plan(5);

set local role service_role;
create temp table made as
  select auth.make_user('ada@clear-failed-attempts.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@clear-failed-attempts.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
select auth.count_attempt(o.one, m.ada, null, 'totp')
from opened as o, made as m, generate_series(1, 6);
set local role service_role;
select is(auth.clear_failed_attempts(m.bob), 0, 'others have none') from made as m;
select is(auth.clear_failed_attempts(m.ada), 5, 'five are forgotten') from made as m;
reset role;
select is(
  auth.count_attempt(o.one, m.ada, null, 'totp') ? 'attempt', true, 'and more are looked at'
)
from opened as o, made as m;
select is(count(*)::integer, 1, 'which is an event')
from audit.events as e
join made as m on m.ada::text = e.target
where e.action = 'mfa_attempts.cleared';

set local role authenticated;
select throws_ok(
  $$ select auth.clear_failed_attempts(null) $$, '42501', null, 'not for users'
);

select * from finish();
