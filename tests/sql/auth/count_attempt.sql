select plan(14);

set local role service_role;
create temp table made as
  select auth.make_user('ada@count-attempt.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@count-attempt.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
create function pg_temp.counted(kind text) returns text language sql as $$
  select coalesce(c.doc ->> 'error', 'counted')
  from opened as o
  cross join made as m
  cross join auth.count_attempt(o.one, m.ada, null, counted.kind::auth.factor_type) as c (doc);
$$;
select is(pg_temp.counted('totp'), 'counted', 'one');
select is(pg_temp.counted('phone'), 'counted', 'two of another kind');
select is(pg_temp.counted('recovery_code'), 'counted', 'three');
select is(pg_temp.counted('totp'), 'counted', 'four');
select is(pg_temp.counted('webauthn'), 'counted', 'which nobody guesses');
select is(pg_temp.counted('totp'), 'counted', 'five');
select is(pg_temp.counted('totp'), 'totp_rate_limit_exceeded', 'and no more');
select is(pg_temp.counted('recovery_code'), 'mfa_recovery_codes_locked', 'of no kind');
select is(pg_temp.counted('webauthn'), 'counted', 'but what nobody guesses');
select results_eq(
  $$
    select count(*), count(a.locked_until), bool_or(a.success), max(a.locked_until - a.attempted_at)
    from auth.two_factor_recovery_attempts as a
    join made as m on m.ada = a.user_id
    where a.kind <> 'webauthn'
  $$,
  $$ values (5::bigint, 1::bigint, false, interval '15 min') $$,
  'five failures, the last of which locks for 15 minutes'
);
select cmp_ok(
  (auth.count_attempt(o.one, m.ada, null, 'totp') ->> 'retry_after')::numeric, '<=', 900::numeric,
  'when to come again'
)
from opened as o, made as m;
update auth.two_factor_recovery_attempts as a
set attempted_at = a.attempted_at - interval '901 s',
    locked_until = a.locked_until - interval '901 s'
from made as m
where a.user_id = m.ada;
select is(pg_temp.counted('totp'), 'counted', 'then it begins anew');
select is(
  auth.count_attempt(o.bobs, m.bob, null, 'totp') ? 'attempt', true, 'others are not counted'
)
from opened as o, made as m;
set local role service_role;
select throws_ok(
  $$ select auth.count_attempt(null, null, null, 'totp') $$, '42501', null, 'for functions of ours'
);

select * from finish();
