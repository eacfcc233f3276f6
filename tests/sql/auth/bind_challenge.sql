select plan(6);

set local role service_role;
create temp table made as
  select auth.make_user('ada@bind-challenge.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@bind-challenge.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000500000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

insert into auth.mfa_challenges (id, factor_id) values (pg_temp.f(), pg_temp.f());
set local role service_role;
select ok(auth.bind_challenge(pg_temp.f(), sha256('1')), 'once');
select ok(not auth.bind_challenge(pg_temp.f(), sha256('2')), 'and not again');
select ok(not auth.bind_challenge(pg_temp.f(), null, '{}'), 'nor otherwise');
select ok(not auth.bind_challenge(gen_random_uuid(), sha256('1')), 'none');
reset role;
select is(c.code_hash, sha256('1'), 'the first stays')
from auth.mfa_challenges as c
where c.id = pg_temp.f();

set local role authenticated;
select throws_ok(
  $$ select auth.bind_challenge(null) $$, '42501', null, 'not for users'
);

select * from finish();
