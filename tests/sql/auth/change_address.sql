select plan(10);

set local role service_role;
create temp table made as
  select
    auth.register_user('ada@move.test', null, 'hash', null, true) as ada,
    auth.register_user('bob@move.test', null, 'hash', null, true) as bob,
    auth.make_user(null, null, null, '{"cart": 1}') as anonymous;
grant select on made to public;
select auth.issue_one_time_token(m.ada, 'recovery', 'ada@move.test', '{"hash": "move-1"}')
from made as m;

select is(
  auth.change_address(m.ada, 'email', 'bob@move.test'), false, 'not to the address of another'
)
from made as m;
select is(auth.change_address(m.ada, 'email', 'new@move.test'), true, 'to a new one')
from made as m;
select is(
  auth.take_one_time_token('recovery', 'move-1') ->> 'why', 'superseded',
  'what was sent to the old one is void'
);
select is(auth.change_address(m.anonymous, 'email', 'cy@move.test'), true, 'an anonymous one')
from made as m;
select is(auth.change_address(m.anonymous, 'phone', '15550005555'), true, 'and a number')
from made as m;
select is(
  auth.change_address(gen_random_uuid(), 'email', 'x@move.test'), false, 'nobody gets none'
);
reset role;

select results_eq(
  $$
    select u.email::text, u.raw_user_meta_data ->> 'email', i.identity_data ->> 'email',
      i.identity_data -> 'email_verified'
    from auth.users as u
    join made as m on m.ada = u.id
    join auth.identities as i on i.user_id = u.id
  $$,
  $$ values ('new@move.test', 'new@move.test', 'new@move.test', 'true'::jsonb) $$,
  'it is theirs everywhere'
);
select results_eq(
  $$
    select u.email::text, u.phone, u.is_anonymous, u.confirmed_at is not null,
      u.raw_app_meta_data, u.raw_user_meta_data ->> 'cart',
      (select count(*) from auth.identities as i where i.user_id = u.id)
    from auth.users as u
    join made as m on m.anonymous = u.id
  $$,
  $$
    values ('cy@move.test', '15550005555', false, true,
      '{"provider": "email", "providers": ["email", "phone"]}'::jsonb, '1', 2::bigint)
  $$,
  'who was anonymous is not any more, and is the same user'
);
select results_eq(
  $$
    select q.kind, q.to_address
    from auth.mails as q
    join made as m on q.user_id in (m.ada, m.anonymous)
    order by q.kind
  $$,
  $$
    values ('email_changed_notification', 'ada@move.test'),
      ('phone_changed_notification', 'cy@move.test')
  $$,
  'the old address is told'
);

set local role authenticated;
select throws_ok(
  $$ select auth.change_address(auth.uid(), 'email', 'x@y.test') $$, '42501', null, 'not for users'
);

select * from finish();
