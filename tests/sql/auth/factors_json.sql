select plan(3);

set local role service_role;
create temp table made as
  select auth.make_user('ada@factors-json.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@factors-json.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000200000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

set local role service_role;
select is(
  (auth.factors_json(m.ada) -> 0) - '{created_at,updated_at}'::text[],
  jsonb_build_object(
    'id', pg_temp.f(), 'status', 'verified', 'friendly_name', 'app', 'factor_type', 'totp'
  ),
  'what clients know, and no secret'
)
from made as m;
select is(auth.factors_json(m.bob), null, 'who has none has none') from made as m;

set local role authenticated;
select throws_ok(
  $$ select auth.factors_json(null) $$, '42501', null, 'not for users'
);

select * from finish();
