select plan(7);

set local role service_role;
create temp table made as select auth.make_user('ada@sweep.test', null, 'hash') as id;
create temp table opened as
  select n.n, auth.open_session(m.id, 'password') as session
  from made as m
  cross join generate_series(1, 2) as n (n);
grant select on made, opened to public;
reset role;

update auth.sessions as s
set not_after = now() - interval '1 s', tokens_until = now() - interval '1 day'
from opened as o
where o.session = s.id and o.n = 1;
insert into auth.ended_sessions (session_id, forget_at)
values (gen_random_uuid(), now() - interval '1 s'), (gen_random_uuid(), now() + interval '1 min');
insert into auth.one_time_tokens (
  user_id, token_type, token_hash, relates_to, created_at, expires_at
)
select m.id, 'recovery_token', n.n::text, 'ada@sweep.test', n.at at time zone 'UTC', n.ends
from made as m
cross join (
  values
    (1, now() - interval '3 days', now() - interval '2 days'),
    (2, now(), now() + interval '1 h'),
    (3, now() - interval '3 days', now() + interval '4 days')
) as n (n, at, ends);
insert into auth.flow_state (user_id, provider_type, authentication_method, created_at)
select m.id, 'email', n.method, n.at
from made as m
cross join (values ('old', now() - interval '3 days'), ('new', now())) as n (method, at);
insert into auth.attempts (kind, key, last_failed_at, blocked_until)
values
  ('sweep', 'old', now() - interval '3 days', null),
  ('sweep', 'blocked', now() - interval '3 days', now() + interval '1 h'),
  ('sweep', 'new', now(), null);

set local role service_role;
select lives_ok($$ select auth.sweep() $$, 'it sweeps');
reset role;

select results_eq(
  $$ select o.n from opened as o join auth.sessions as s on s.id = o.session $$, array[2],
  'sessions that are over'
);
select is(count(*), 1::bigint, 'ended ones of which no token is good')
from auth.ended_sessions as e
where e.ended_at = now();
select results_eq(
  $$
    select t.token_hash
    from auth.one_time_tokens as t
    join made as m on m.id = t.user_id
    order by t.token_hash
  $$,
  array['2', '3'], 'links and codes that are old, and good no more'
);
select results_eq(
  $$ select f.authentication_method from auth.flow_state as f join made as m on m.id = f.user_id $$,
  array['new'], 'flows that nobody ended'
);
select results_eq(
  $$ select a.key from auth.attempts as a where a.kind = 'sweep' order by a.key $$,
  array['blocked', 'new'], 'attempts that hold nobody back any more'
);

set local role authenticated;
select throws_ok($$ select auth.sweep() $$, '42501', null, 'not for users');

select * from finish();
