select plan(7);

set local role service_role;
create temp table made as
  select auth.make_user('ada@raise-session.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@raise-session.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create temp table counted as
  select auth.count_attempt(o.one, m.ada, gen_random_uuid(), 'recovery_code') ->> 'attempt' as id
  from opened as o, made as m, generate_series(1, 2);
create temp table raised as
  select auth.raise_session(max(c.id::bigint)) as doc from counted as c;
select is(r.doc #>> '{claims,aal}', 'aal2', 'the session is of aal2') from raised as r;
select is(r.doc #>> '{claims,amr,0,method}', 'mfa/recovery_code', 'by what') from raised as r;
select is((r.doc ->> 'counter')::integer, 1, 'with a new refresh token') from raised as r;
select results_eq(
  $$
    select a.success, a.cleared_at is not null
    from auth.two_factor_recovery_attempts as a
    join made as m on m.ada = a.user_id
    order by a.id
  $$,
  $$ values (false, true), (true, true) $$,
  'what failed before counts no more'
);
select results_eq(
  $$
    select s.id, s.refresh_token_parent
    from auth.sessions as s
    join made as m on m.ada = s.user_id
  $$,
  $$ select o.one, null::bigint from opened as o $$,
  'the other sessions are over, and the token of before'
);
select is(count(*)::integer, 1, 'those of others are not')
from auth.sessions as s
join opened as o on o.bobs = s.id;
set local role service_role;
select throws_ok($$ select auth.raise_session(1) $$, '42501', null, 'for functions of ours');

select * from finish();
