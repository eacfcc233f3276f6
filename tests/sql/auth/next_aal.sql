select plan(4);

set local role service_role;
create temp table made as
  select auth.make_user('ada@next-aal.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@next-aal.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000100000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'unverified', 'fbs1.k.AAAA', 'app'
from made as m;

select set_config('request.jwt.claims', jsonb_build_object('sub', m.ada)::text, true)
from made as m;
set local role authenticated;
select is(auth.next_aal(), 'aal1', 'a factor that is not verified binds nobody');
reset role;
update auth.mfa_factors as f set status = 'verified' where f.id = pg_temp.f();
set local role authenticated;
select is(auth.next_aal(), 'aal2', 'one that is does');
reset role;
select set_config('request.jwt.claims', jsonb_build_object('sub', m.bob)::text, true)
from made as m;
set local role authenticated;
select is(auth.next_aal(), 'aal1', 'its user alone');
set local request.jwt.claims = '';
set local role anon;
select is(auth.next_aal(), 'aal1', 'nobody has none');

select * from finish();
