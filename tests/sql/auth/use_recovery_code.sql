select plan(10);

set local role service_role;
create temp table made as
  select auth.make_user('ada@use-recovery-code.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@use-recovery-code.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001100000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status)
select pg_temp.f(), m.ada, 'recovery_code', 'verified' from made as m;
insert into auth.mfa_recovery_codes (factor_id, code_hash)
values (pg_temp.f(), sha256('a')), (pg_temp.f(), sha256('b'));

create function pg_temp.uses(code text) returns text language sql as $$
  select coalesce(auth.use_recovery_code(o.one, sha256(uses.code::bytea)) ->> 'error', 'used')
  from opened as o;
$$;
set local role service_role;
select is(pg_temp.uses('x'), 'mfa_verification_failed', 'a wrong one');
select is(pg_temp.uses('a'), 'used', 'a right one');
select is(pg_temp.uses('a'), 'mfa_verification_failed', 'is good once');
select is(
  auth.use_recovery_code(o.bobs, sha256('b')) ->> 'error', 'mfa_verification_failed',
  'not of another'
)
from opened as o;
select is(
  (select string_agg(pg_temp.uses('x'), ' ') from generate_series(1, 5)),
  repeat('mfa_verification_failed ', 4) || 'mfa_recovery_codes_locked', 'five are too many'
);
select is(
  auth.use_recovery_code(gen_random_uuid(), sha256('b')), '{"error": "session_not_found"}',
  'of nobody'
);
select is(auth.set_setting('mfa_verify', '[]'), '[]', 'if none is taken');
select is(pg_temp.uses('b'), 'mfa_recovery_codes_verify_not_enabled', 'none is');
reset role;
select is(s.aal, 'aal2', 'the session is of aal2')
from auth.sessions as s
join opened as o on o.one = s.id;

set local role authenticated;
select throws_ok(
  $$ select auth.use_recovery_code(null, null) $$, '42501', null, 'not for users'
);

select * from finish();
