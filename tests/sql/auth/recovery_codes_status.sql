select plan(3);

set local role service_role;
create temp table made as
  select auth.make_user('ada@recovery-codes-status.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@recovery-codes-status.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001200000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status)
select pg_temp.f(), m.ada, 'recovery_code', 'verified' from made as m;
insert into auth.mfa_recovery_codes (factor_id, code_hash)
values (pg_temp.f(), sha256('a')), (pg_temp.f(), sha256('b'));

update auth.mfa_recovery_codes as c set used_at = now() where c.code_hash = sha256('a');
set local role service_role;
select is(
  auth.recovery_codes_status(m.ada),
  format('{"id": "%s", "type": "recovery_code", "total": 2, "remaining": 1}', pg_temp.f())::jsonb,
  'how many are left'
)
from made as m;
select is(auth.recovery_codes_status(m.bob), '{"error": "mfa_factor_not_found"}', 'none')
from made as m;

set local role authenticated;
select throws_ok(
  $$ select auth.recovery_codes_status(null) $$, '42501', null, 'not for users'
);

select * from finish();
