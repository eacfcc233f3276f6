select plan(15);

set local role service_role;
create temp table made as select auth.make_user('ada@open.test', null, 'hash') as id;
create temp table opened as
  select auth.open_session(m.id, 'oauth', repeat('x', 600), '192.0.2.7', 'aal2') as session
  from made as m;
grant select on made, opened to public;
reset role;

select results_eq(
  $$
    select s.user_id, s.aal, length(s.user_agent), s.ip, s.refresh_token_counter,
      s.refresh_token_parent, s.not_after
    from auth.sessions as s
    join opened as o on o.session = s.id
  $$,
  $$
    select m.id, 'aal2'::auth.aal_level, 500, '192.0.2.7'::inet, 0::bigint, null::bigint,
      null::timestamptz
    from made as m
  $$,
  'a session, and from where'
);
select cmp_ok(
  s.tokens_until - s.created_at, '>=', interval '1 h', 'its tokens are good for an hour'
)
from auth.sessions as s
join opened as o on o.session = s.id;
select results_eq(
  $$
    select a.authentication_method
    from auth.mfa_amr_claims as a
    join opened as o on o.session = a.session_id
  $$,
  array['oauth'],
  'how they showed who they are'
);
select isnt(u.last_sign_in_at, null, 'when they last came')
from auth.users as u
join made as m on m.id = u.id;
select results_eq(
  $$
    select e.details ->> 'session', e.details ->> 'method'
    from audit.events as e
    join made as m on m.id::text = e.target
    where e.action = 'session.opened'
  $$,
  $$ select o.session::text, 'oauth' from opened as o $$,
  'which is an event'
);

create function pg_temp.opens() returns boolean language sql as $$
  select auth.open_session(m.id, 'password') is not null from made as m;
$$;
update auth.users as u
set banned_until = clock_timestamp() + interval '1 h'
from made as m
where u.id = m.id;
set local role service_role;
select ok(not pg_temp.opens(), 'none for who is banned');
reset role;
update auth.users as u
set banned_until = clock_timestamp() - interval '1 s'
from made as m
where u.id = m.id;
set local role service_role;
select ok(pg_temp.opens(), 'until that is over');
select is(auth.open_session(gen_random_uuid(), 'password'), null, 'none for nobody');

reset role;
select is(count(*), 2::bigint, 'others stay')
from auth.sessions as s
join made as m on m.id = s.user_id;
set local role service_role;
select auth.set_setting('sessions_single_per_user', 'true');
select ok(pg_temp.opens(), 'unless one is all that a user has');
reset role;
select is(count(*), 1::bigint, 'then the others end')
from auth.sessions as s
join made as m on m.id = s.user_id;
select is(count(*), 2::bigint, 'with their tokens')
from auth.ended_sessions as e
where e.ended_at = now();

update auth.users as u
set deleted_at = now()
from made as m
where u.id = m.id;
set local role service_role;
select ok(not pg_temp.opens(), 'none for who is deleted');

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.open_session(gen_random_uuid(), 'password') $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select auth.open_session(gen_random_uuid(), 'password') $$, '42501', null, 'nor for others'
);

select * from finish();
