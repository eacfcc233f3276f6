select plan(9);

set local role service_role;
create temp table made as
  select auth.make_user('ada@claims.test', null, 'hash', '{"name": "Ada"}', true) as id;
create temp table opened as
  select auth.open_session(m.id, 'password') as session from made as m;
grant select on made, opened to public;

create function pg_temp.claims() returns jsonb language sql as $$
  select auth.claims_of(o.session) from opened as o;
$$;
select is(
  pg_temp.claims() - '{iat,exp,amr,session_id}'::text[],
  jsonb_build_object(
    'sub', m.id, 'aud', 'authenticated', 'role', 'authenticated', 'email', 'ada@claims.test',
    'phone', '', 'aal', 'aal1', 'is_anonymous', false, 'user_metadata', '{"name": "Ada"}'::jsonb,
    'app_metadata', '{"provider": "email", "providers": ["email"]}'::jsonb
  ),
  'who is signed in'
)
from made as m;
select is(pg_temp.claims() ->> 'session_id', o.session::text, 'where') from opened as o;
select is(pg_temp.claims() #>> '{amr,0,method}', 'password', 'by what');
select is(
  jsonb_typeof(pg_temp.claims() #> '{amr,0,timestamp}'), 'number', 'and when, as clients read it'
);
select cmp_ok((pg_temp.claims() ->> 'exp')::bigint - (pg_temp.claims() ->> 'iat')::bigint,
  '<=', 3601::bigint, 'it expires with the tokens of the session');

reset role;
update auth.sessions as s
set impersonator = 'login:boss'
from opened as o
where s.id = o.session;
insert into auth.mfa_amr_claims (session_id, authentication_method, updated_at)
select o.session, 'totp', now() + interval '1 h'
from opened as o;
set local role service_role;
select is(pg_temp.claims() -> 'act', '{"sub": "login:boss"}', 'who acts in their place');
select is(pg_temp.claims() #>> '{amr,0,method}', 'totp', 'the last way first');
select is(auth.claims_of(gen_random_uuid()), null, 'no session');

reset role;
set local role authenticated;
select throws_ok($$ select auth.claims_of(gen_random_uuid()) $$, '42501', null, 'not for users');

select * from finish();
