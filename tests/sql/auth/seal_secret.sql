select plan(4);

set local role service_role;
create temp table made as
  select auth.make_user('ada@seal-secret.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@seal-secret.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001400000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

set local role service_role;
select ok(not auth.seal_secret(pg_temp.f(), 'other', 'fbs1.k.B'), 'not what changed meanwhile');
select ok(auth.seal_secret(pg_temp.f(), 'fbs1.k.AAAA', 'fbs1.k.B'), 'what is there');
reset role;
select is(
  f.secret, 'fbs1.k.B', 'is another now'
)
from auth.mfa_factors as f where f.id = pg_temp.f();

set local role authenticated;
select throws_ok(
  $$ select auth.seal_secret(null, '', '') $$, '42501', null, 'not for users'
);

select * from finish();
