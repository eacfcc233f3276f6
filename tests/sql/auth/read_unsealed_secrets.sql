select plan(3);

set local role service_role;
create temp table made as
  select auth.make_user('ada@read-unsealed-secrets.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@read-unsealed-secrets.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-001300000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

insert into auth.mfa_factors (id, user_id, factor_type, secret)
select gen_random_uuid(), m.ada, 'totp', s.secret
from made as m, (values ('JBSWY3DPEHPK3PXP'), (''), (null)) as s (secret);
set local role service_role;
select results_eq(
  $$ select u.secret from auth.read_unsealed_secrets() as u $$, array['JBSWY3DPEHPK3PXP'],
  'what is in plaintext, and nothing else'
);
select is_empty($$ select auth.read_unsealed_secrets(0) $$, 'as many as are wanted');

set local role authenticated;
select throws_ok(
  $$ select auth.read_unsealed_secrets() $$, '42501', null, 'not for users'
);

select * from finish();
