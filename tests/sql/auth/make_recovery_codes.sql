select plan(12);

set local role service_role;
create temp table made as
  select auth.make_user('ada@make-recovery-codes.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@make-recovery-codes.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001000000001'::uuid;
set local role service_role;
select is(
  auth.make_recovery_codes(o.one), '{"error": "mfa_recovery_codes_sole_factor"}',
  'they are no factor of their own'
)
from opened as o;
reset role;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

set local role service_role;
select is(auth.make_recovery_codes(o.one), '{"error": "insufficient_aal"}', 'it takes aal2')
from opened as o;
reset role;
update auth.sessions as s set aal = 'aal2' from opened as o where s.id = o.one;
set local role service_role;
select is(
  auth.make_recovery_codes(o.one, true), '{"error": "mfa_factor_not_found"}', 'none to replace'
)
from opened as o;
select is(
  auth.make_recovery_codes(o.one, false, 'app'), '{"error": "mfa_factor_name_conflict"}',
  'names differ'
)
from opened as o;
create temp table codes as select auth.make_recovery_codes(o.one) as doc from opened as o;
create temp table again as select auth.make_recovery_codes(o.one, true) as doc from opened as o;
grant select on codes, again to public;
select is(jsonb_array_length(c.doc -> 'codes'), 10, 'ten') from codes as c;
select matches(c.doc #>> '{codes,9}', '^[0-9a-hjkmnp-tv-z]{24}$', 'of 120 bits')
from codes as c;
select is(a.doc ->> 'id', c.doc ->> 'id', 'others take their place') from codes as c, again as a;
select is(
  auth.make_recovery_codes(o.one), '{"error": "mfa_verified_factor_exists"}', 'of one set'
)
from opened as o;
reset role;
select results_eq(
  $$
    select count(*), bool_and(r.code_hash in (
      select sha256(convert_to(t.code, 'UTF8'))
      from again as a, jsonb_array_elements_text(a.doc -> 'codes') as t (code)
    ))
    from auth.mfa_recovery_codes as r
    join codes as c on c.doc ->> 'id' = r.factor_id::text
  $$,
  $$ values (10::bigint, true) $$,
  'only hashes are kept, of the last ones'
);
set local role service_role;
select is(auth.set_setting('mfa_enroll', '[]'), '[]', 'if none may be made');
select is(
  auth.make_recovery_codes(o.one), '{"error": "mfa_recovery_codes_enroll_not_enabled"}', 'none is'
)
from opened as o;

set local role authenticated;
select throws_ok(
  $$ select auth.make_recovery_codes(null) $$, '42501', null, 'not for users'
);

select * from finish();
