select plan(8);

set local role service_role;
create temp table made as
  select auth.make_user('ada@unenroll-factor.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@unenroll-factor.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000800000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

insert into auth.mfa_factors (user_id, factor_type, status)
select m.ada, 'recovery_code', 'verified' from made as m;
update auth.sessions as s
set aal = 'aal2', factor_id = pg_temp.f()
from opened as o
where s.id = o.one;
insert into auth.sessions (id, user_id, aal, factor_id)
select gen_random_uuid(), m.ada, 'aal2', pg_temp.f() from made as m;
insert into auth.mfa_amr_claims (session_id, authentication_method)
select o.one, 'totp' from opened as o;
create function pg_temp.left_over() returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select string_agg(f.factor_type::text, ' ' order by f.factor_type)
  from auth.mfa_factors as f
  join made as m on m.ada = f.user_id;
$$;
create function pg_temp.session() returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select s.aal || ' ' || string_agg(a.authentication_method, ' ' order by a.authentication_method)
  from auth.sessions as s
  join auth.mfa_amr_claims as a on a.session_id = s.id
  join opened as o on o.one = s.id
  group by s.id;
$$;

set local role service_role;
select is(
  auth.unenroll_factor(o.two, pg_temp.f()), '{"error": "insufficient_aal"}',
  'not without showing it'
)
from opened as o;
select is(
  auth.unenroll_factor(o.bobs, pg_temp.f()), '{"error": "mfa_factor_not_found"}', 'not of another'
)
from opened as o;
select is(
  auth.unenroll_factor(gen_random_uuid(), pg_temp.f()), '{"error": "session_not_found"}',
  'of nobody'
);
select is(
  auth.unenroll_factor(o.one, pg_temp.f()),
  format('{"id": "%s"}', pg_temp.f())::jsonb, 'who has shown it may'
)
from opened as o;
select is(pg_temp.left_over(), null, 'it is gone');
select is(pg_temp.session(), 'aal1 password', 'the session is lowered');
reset role;
select is(
  (select count(*) from auth.sessions as s join made as m on m.ada = s.user_id), 2::bigint,
  'another that it raised ends'
);

set local role authenticated;
select throws_ok(
  $$ select auth.unenroll_factor(null, null) $$, '42501', null, 'not for users'
);

select * from finish();
