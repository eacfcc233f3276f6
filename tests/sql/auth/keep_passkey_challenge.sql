select plan(4);

set local role service_role;
create temp table made as
  select auth.make_user('ada@keep-passkey-challenge.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@keep-passkey-challenge.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
set local role service_role;
select is(
  auth.keep_passkey_challenge(null, '{}'), '{"error": "passkey_disabled"}', 'off unless it is on'
);
select is(auth.set_setting('passkeys_enabled', 'true'), 'true', 'on');
create temp table kept as
  select (auth.keep_passkey_challenge(u.id, '{}') ->> 'challenge_id')::uuid as id
  from (select m.ada as id from made as m union all select null) as u;
grant select on kept to public;
reset role;
select results_eq(
  $$
    select c.challenge_type, c.user_id, c.expires_at > now() + interval '299 s'
    from auth.webauthn_challenges as c
    join kept as k on k.id = c.id
    order by c.challenge_type
  $$,
  $$ select 'authentication', null::uuid, true union all select 'registration', m.ada, true
    from made as m $$,
  'for a user, or for anybody'
);

set local role authenticated;
select throws_ok(
  $$ select auth.keep_passkey_challenge(null, null) $$, '42501', null, 'not for users'
);

select * from finish();
