select plan(6);

set local role service_role;
create temp table ada as
  select auth.register_user('ada@word.test', null, 'old', null, true) as id;
create temp table here as
  select a.id, auth.open_session(a.id, 'password') as here, auth.open_session(a.id, 'password')
    as there
  from ada as a;
grant select on here to public;
select auth.issue_one_time_token(h.id, 'magiclink', 'ada@word.test', '{"hash": "word-1"}')
from here as h;

select is(auth.set_password(h.id, 'new', h.here), 1, 'the other session ends') from here as h;
select is(
  auth.take_one_time_token('magiclink', 'word-1') ->> 'why', 'superseded', 'links are void'
);
select is(auth.set_password(h.id, 'newer'), 1, 'or all sessions end') from here as h;
reset role;
select results_eq(
  $$
    select u.encrypted_password::text, u.password_changed_at > u.created_at
    from auth.users as u
    join here as h on h.id = u.id
  $$,
  $$ values ('newer', true) $$,
  'it is kept'
);
select is(count(*), 2::bigint, 'they are told')
from auth.mails as m
join here as h on h.id = m.user_id
where m.kind = 'password_changed_notification';

set local role authenticated;
select throws_ok(
  $$ select auth.set_password(auth.uid(), 'hash') $$, '42501', null, 'not for users'
);

select * from finish();
