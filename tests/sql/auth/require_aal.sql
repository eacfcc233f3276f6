select plan(7);

set local role service_role;
create temp table made as
  select auth.make_user('ada@require-aal.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@require-aal.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000300000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

set local role service_role;
select is(
  auth.require_aal(o.one), '{"error": "insufficient_aal"}', 'who has a factor must show it'
)
from opened as o;
select is(auth.require_aal(o.bobs), null, 'who has none need not') from opened as o;
select is(
  auth.require_aal(o.one, 'mfa_require_aal2_for_user_changes'), '{"error": "insufficient_aal"}',
  'also for changes'
)
from opened as o;
select is(auth.set_setting('mfa_require_aal2_for_user_changes', 'false'), 'false', 'unless');
select is(auth.require_aal(o.one, 'mfa_require_aal2_for_user_changes'), null, 'that is off')
from opened as o;
reset role;
update auth.sessions as s set aal = 'aal2' from opened as o where s.id = o.one;
set local role service_role;
select is(auth.require_aal(o.one), null, 'who has shown it may') from opened as o;

set local role authenticated;
select throws_ok(
  $$ select auth.require_aal(null) $$, '42501', null, 'not for users'
);

select * from finish();
