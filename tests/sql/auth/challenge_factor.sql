select plan(10);

set local role service_role;
create temp table made as
  select auth.make_user('ada@challenge-factor.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@challenge-factor.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000400000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'verified', 'fbs1.k.AAAA', 'app'
from made as m;

create function pg_temp.challenge() returns jsonb language sql as $$
  select auth.challenge_factor(o.one, pg_temp.f(), '192.0.2.7') from opened as o;
$$;
set local role service_role;
create temp table asked as select pg_temp.challenge() as doc;
grant select on asked to public;
select is(
  a.doc - '{id,expires_at,user_id,relying_party}'::text[],
  '{"type": "totp", "status": "verified", "account": "ada@challenge-factor.test"}', 'a challenge'
)
from asked as a;
select is(
  round((a.doc ->> 'expires_at')::numeric - extract(epoch from clock_timestamp()), -2),
  300::numeric, 'for five minutes'
)
from asked as a;
reset role;
select results_eq(
  $$
    select c.ip_address, f.last_challenged_at is not null
    from auth.mfa_challenges as c
    join auth.mfa_factors as f on f.id = c.factor_id
    join asked as a on a.doc ->> 'id' = c.id::text
  $$,
  $$ values ('192.0.2.7'::inet, true) $$,
  'from where, and when'
);
set local role service_role;
select is(
  auth.challenge_factor(o.bobs, pg_temp.f()), '{"error": "mfa_factor_not_found"}',
  'not of another'
)
from opened as o;
select is(
  auth.challenge_factor(gen_random_uuid(), pg_temp.f()), '{"error": "session_not_found"}',
  'of nobody'
);
select is(auth.set_setting('mfa_verify', '[]'), '[]', 'if none is taken');
select is(pg_temp.challenge(), '{"error": "mfa_totp_verify_not_enabled"}', 'none is asked for');
select is(auth.set_setting('mfa_verify', null) ->> 0, 'totp', 'again');
reset role;
update auth.mfa_factors as f
set factor_type = 'phone', phone = '4930123456'
where f.id = pg_temp.f();
set local role service_role;
select is(pg_temp.challenge() ->> 'error', 'over_sms_send_rate_limit', 'one message a minute');

set local role authenticated;
select throws_ok(
  $$ select auth.challenge_factor(null, null) $$, '42501', null, 'not for users'
);

select * from finish();
