select plan(11);

set local role service_role;
create temp table made as
  select auth.make_user('ada@begin-factor-attempt.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@begin-factor-attempt.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000600000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

insert into auth.mfa_challenges (id, factor_id) values (pg_temp.f(), pg_temp.f());
create function pg_temp.begin(challenge uuid default pg_temp.f())
returns jsonb language sql as $$
  select auth.begin_factor_attempt(o.one, pg_temp.f(), begin.challenge)
  from opened as o;
$$;

set local role service_role;
create temp table begun as select pg_temp.begin() as doc;
grant select on begun to public;
select is(
  b.doc - '{attempt,now,user_id,relying_party}'::text[],
  '{"type": "totp", "status": "verified", "secret": "fbs1.k.AAAA"}', 'what an answer must fit'
)
from begun as b;
reset role;
select results_eq(
  $$
    select a.success, a.finished_at, a.factor_id
    from auth.two_factor_recovery_attempts as a
    join begun as b on (b.doc ->> 'attempt')::bigint = a.id
  $$,
  $$ values (false, null::timestamptz, pg_temp.f()::uuid) $$,
  'counted as a failure'
);
set local role service_role;
select is(
  auth.begin_factor_attempt(o.bobs, pg_temp.f(), pg_temp.f()),
  '{"error": "mfa_factor_not_found"}', 'not of another'
)
from opened as o;
select is(
  pg_temp.begin(gen_random_uuid()) ->> 'error', 'mfa_factor_not_found', 'no such challenge'
);
select is(
  auth.begin_factor_attempt(gen_random_uuid(), pg_temp.f(), pg_temp.f()),
  '{"error": "session_not_found"}', 'of nobody'
);
reset role;
update auth.mfa_challenges as c
set created_at = now() - interval '300 s'
where c.id = pg_temp.f();
set local role service_role;
select is(pg_temp.begin(), '{"error": "mfa_challenge_expired"}', 'too late');
reset role;
update auth.mfa_challenges as c set created_at = now() where c.id = pg_temp.f();
update auth.mfa_factors as f set factor_type = 'webauthn' where f.id = pg_temp.f();
set local role service_role;
select is(pg_temp.begin() ->> 'type', 'webauthn', 'an authenticator answers');
select is(pg_temp.begin(), '{"error": "mfa_challenge_expired"}', 'once');
select is(auth.set_setting('mfa_verify', '[]'), '[]', 'if none is taken');
select is(pg_temp.begin(), '{"error": "mfa_webauthn_verify_not_enabled"}', 'none is');

set local role authenticated;
select throws_ok(
  $$ select auth.begin_factor_attempt(null, null, null) $$, '42501', null, 'not for users'
);

select * from finish();
