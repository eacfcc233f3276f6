select plan(17);

set local role service_role;
create temp table made as
  select auth.make_user('ada@finish-factor-attempt.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@finish-factor-attempt.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.f() returns uuid language sql immutable
return '00000000-0000-4000-8000-000700000001'::uuid;
insert into auth.mfa_factors (id, user_id, factor_type, status, secret, friendly_name)
select pg_temp.f(), m.ada, 'totp', 'unverified', 'fbs1.k.AAAA', 'app'
from made as m;

create function pg_temp.begin() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_session constant uuid := (select o.one from opened as o);
  v_challenge uuid;
begin
  insert into auth.mfa_challenges as c (factor_id, code_hash)
  values (pg_temp.f(), sha256('1'))
  returning c.id into v_challenge;
  return (
    auth.begin_factor_attempt(v_session, pg_temp.f(), v_challenge) ->> 'attempt'
  )::bigint;
end;
$$;
create function pg_temp.aal() returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select s.aal || ' ' || s.refresh_token_counter
  from auth.sessions as s
  join opened as o on o.one = s.id;
$$;
set local role service_role;
select is(
  auth.finish_factor_attempt(pg_temp.begin()), '{"error": "mfa_verification_failed"}', 'wrong'
);
select is(pg_temp.aal(), 'aal1 0', 'changes nothing');
create temp table tried as select pg_temp.begin() as id;
select is(
  auth.finish_factor_attempt(t.id, 100) #>> '{claims,aal}', 'aal2', 'right raises the session'
)
from tried as t;
select is(pg_temp.aal(), 'aal2 1', 'which has a new refresh token');
select is(
  auth.finish_factor_attempt(t.id, 200), '{"error": "mfa_verification_failed"}', 'it ends once'
)
from tried as t;
select is(
  auth.finish_factor_attempt(pg_temp.begin(), 100), '{"error": "mfa_verification_failed"}',
  'the same code again'
);
select is(
  auth.finish_factor_attempt(pg_temp.begin(), 99), '{"error": "mfa_verification_failed"}',
  'an older one'
);
select is(auth.finish_factor_attempt(pg_temp.begin(), 101) ? 'claims', true, 'the next one');
select is(auth.finish_factor_attempt(null, 1), '{"error": "session_not_found"}', 'none');
reset role;
select results_eq(
  $$ select f.status::text, f.last_step from auth.mfa_factors as f where f.id = pg_temp.f() $$,
  $$ values ('verified', 101::bigint) $$,
  'the factor is verified'
);
update auth.mfa_factors as f set factor_type = 'phone' where f.id = pg_temp.f();
set local role service_role;
select is(
  auth.finish_factor_attempt(pg_temp.begin(), 300, sha256('2')),
  '{"error": "mfa_verification_failed"}', 'another code of a phone'
);
select is(
  auth.finish_factor_attempt(pg_temp.begin(), null, sha256('1')) ? 'claims', true, 'the code'
);
reset role;
update auth.mfa_factors as f
set factor_type = 'webauthn', web_authn_credential = '{"authenticator": {"signCount": 5}}'
where f.id = pg_temp.f();
set local role service_role;
create function pg_temp.signed(n integer) returns text language sql as $$
  select coalesce(d.doc ->> 'error', 'signed')
  from auth.finish_factor_attempt(
    pg_temp.begin(), null, null,
    jsonb_build_object('authenticator', jsonb_build_object('signCount', signed.n))
  ) as d (doc);
$$;
select is(pg_temp.signed(6), 'signed', 'a counter that has grown');
select is(pg_temp.signed(6), 'mfa_verification_failed', 'one that has not');
select is(pg_temp.signed(0), 'mfa_verification_failed', 'or is gone');
reset role;
select is(count(*)::integer, 2, 'which are events')
from audit.events as e
join made as m on m.ada::text = e.target
where e.action = 'mfa_factor.cloned';

set local role authenticated;
select throws_ok(
  $$ select auth.finish_factor_attempt(null) $$, '42501', null, 'not for users'
);

select * from finish();
