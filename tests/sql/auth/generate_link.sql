select plan(13);

set local role service_role;
create function pg_temp.links(
  purpose text, email text, new_email text default null, send boolean default false
)
returns text language sql as $$
  select coalesce(r ->> 'error', r #>> '{user,email}')
  from auth.generate_link(
    links.purpose, links.email, jsonb_build_object('hash', links.purpose || links.email),
    '{"name": "Ada"}', null, links.new_email, links.send
  ) as r;
$$;
select is(pg_temp.links('invite', 'Ada@link.test', null, true), 'ada@link.test', 'who is invited');
select is(pg_temp.links('invite', 'ada@link.test'), 'ada@link.test', 'also again');
select is(pg_temp.links('magiclink', 'bob@link.test'), 'bob@link.test', 'or signs in at once');
select is(pg_temp.links('recovery', 'bob@link.test'), 'bob@link.test', 'whose password is lost');
select is(pg_temp.links('recovery', 'eve@link.test'), 'user_not_found', 'nobody');
select is(
  pg_temp.links('email_change_new', 'bob@link.test', 'ada@link.test'), 'email_exists',
  'to the address of another'
);
select is(
  pg_temp.links('email_change_new', 'bob@link.test', 'Bob2@link.test'), 'bob@link.test',
  'or to a new one'
);
reset role;
select results_eq(
  $$
    select u.email::text, t.purpose, t.relates_to
    from auth.one_time_tokens as t
    join auth.users as u on u.id = t.user_id
    where u.email in ('ada@link.test', 'bob@link.test')
    and t.superseded_at is null
    order by 1, 2
  $$,
  $$
    values ('ada@link.test', 'invite', 'ada@link.test'),
      ('bob@link.test', 'email_change', 'bob2@link.test'),
      ('bob@link.test', 'magiclink', 'bob@link.test'),
      ('bob@link.test', 'recovery', 'bob@link.test')
  $$,
  'each is kept for what it is for'
);
select ok(u.invited_at is not null and u.raw_user_meta_data ->> 'name' = 'Ada', 'as who is invited')
from auth.users as u
where u.email = 'ada@link.test';
update auth.users as u
set email_confirmed_at = now()
where u.email = 'ada@link.test';
set local role service_role;
select is(pg_temp.links('invite', 'ada@link.test'), 'email_exists', 'not who is there already');
select throws_ok(
  $$ select pg_temp.links('sms', 'ada@link.test') $$, '22023', null, 'nor for anything else'
);
select throws_ok(
  $$ select pg_temp.links('email_change_new', 'ada@link.test') $$, '22023', null, 'nor to nowhere'
);

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.generate_link('invite', 'x@link.test', '{}') $$, '42501', null, 'not for users'
);

select * from finish();
