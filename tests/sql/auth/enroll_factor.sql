select plan(11);

set local role service_role;
create temp table made as
  select auth.make_user('ada@enroll-factor.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@enroll-factor.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.enroll(type text, name text default null, phone text default null)
returns jsonb language sql as $$
  select auth.enroll_factor(
    o.one, gen_random_uuid(), enroll.type, enroll.name, 'fbs1.k.AAAA', enroll.phone
  ) - 'id'
  from opened as o;
$$;
set local role service_role;
select is(
  pg_temp.enroll('totp', 'app'),
  '{"type": "totp", "friendly_name": "app", "account": "ada@enroll-factor.test", "site_url": ""}',
  'a factor is begun'
);
select is(pg_temp.enroll('totp', 'app'), '{"error": "mfa_factor_name_conflict"}', 'names differ');
select is(
  pg_temp.enroll('phone', 'p', '4930123456'), '{"error": "mfa_phone_enroll_not_enabled"}',
  'nobody sends codes to phones'
);
select is(
  auth.enroll_factor(gen_random_uuid(), gen_random_uuid(), 'totp'),
  '{"error": "session_not_found"}', 'of nobody'
);
select is(auth.set_setting('mfa_max_enrolled_factors', '1'), '1', 'there may be one');
select is(pg_temp.enroll('webauthn'), '{"error": "too_many_enrolled_mfa_factors"}', 'and no two');
reset role;
update auth.mfa_factors as f
set created_at = now() - interval '301 s'
from made as m
where f.user_id = m.ada;
set local role service_role;
select is(pg_temp.enroll('webauthn') ->> 'type', 'webauthn', 'the one that was left is gone');
reset role;
update auth.mfa_factors as f set status = 'verified' from made as m where f.user_id = m.ada;
set local role service_role;
select is(pg_temp.enroll('totp'), '{"error": "insufficient_aal"}', 'a further one needs the first');
select is(auth.set_setting('mfa_enroll', '[]'), '[]', 'if none may be begun');
select is(pg_temp.enroll('totp'), '{"error": "mfa_totp_enroll_not_enabled"}', 'none is');

set local role authenticated;
select throws_ok(
  $$ select auth.enroll_factor(null, null, 'totp') $$, '42501', null, 'not for users'
);

select * from finish();
