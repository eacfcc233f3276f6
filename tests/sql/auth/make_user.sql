select plan(16);

set local role service_role;
create temp table made as
  select
    auth.make_user('Ada@Make.test', null, 'hash', '{"name": "Ada"}', true) as mail,
    auth.make_user(null, '15550000001', null) as phone,
    auth.make_user(null, null, null) as anonymous;
grant select on made to public;
select is(
  auth.make_user('ADA@make.test', null, 'other'), null, 'nobody else gets an address that is taken'
);
select is(auth.make_user(null, '15550000001', 'other'), null, 'nor a number');
reset role;

select results_eq(
  $$
    select u.email, u.email_confirmed_at is not null, u.phone_confirmed_at is null, u.is_anonymous,
      u.raw_user_meta_data, u.raw_app_meta_data, u.encrypted_password, u.role::text,
      u.password_changed_at is not null
    from auth.users as u
    join made as m on m.mail = u.id
  $$,
  $$
    values ('ada@make.test'::varchar, true, true, false, '{"name": "Ada"}'::jsonb,
      '{"provider": "email", "providers": ["email"]}'::jsonb, 'hash'::varchar, 'authenticated',
      true)
  $$,
  'a user with an address'
);
select results_eq(
  $$
    select u.phone, u.phone_confirmed_at is null, u.raw_app_meta_data ->> 'provider',
      u.encrypted_password, u.password_changed_at is null
    from auth.users as u
    join made as m on m.phone = u.id
  $$,
  $$ values ('15550000001', true, 'phone', null::varchar, true) $$,
  'one with a number, who has to show that it is theirs, and no password'
);
select results_eq(
  $$
    select u.is_anonymous, u.email, u.phone, u.raw_app_meta_data
    from auth.users as u
    join made as m on m.anonymous = u.id
  $$,
  $$ values (true, null::varchar, null::text, '{}'::jsonb) $$,
  'one of whom nothing is known'
);
select results_eq(
  $$
    select i.provider, i.provider_id, i.identity_data ->> 'sub', i.email
    from auth.identities as i
    join made as m on i.user_id in (m.mail, m.phone, m.anonymous)
    order by i.provider
  $$,
  $$
    select v.provider, v.id, v.id, v.email
    from made as m
    cross join lateral (
      values ('email', m.mail::text, 'ada@make.test'), ('phone', m.phone::text, null)
    ) as v (provider, id, email)
  $$,
  'each signs in by what they gave'
);
select results_eq(
  $$
    select count(*)::int
    from audit.events as e
    join made as m on e.target in (m.mail::text, m.phone::text)
    where e.action = 'user.signed_up'
  $$,
  array[2],
  'which is an event'
);
select is_empty(
  $$ select from audit.events as e where strpos(e::text, '"hash"') > 0 $$,
  'that does not hold the hash'
);

set local role service_role;
create function pg_temp.refused(arguments text, what text) returns text
language sql as $$
  select throws_ok(
    'select auth.make_user(' || refused.arguments || ')', '23514', null, refused.what
  );
$$;
select pg_temp.refused($$ null, '+1555', null $$, 'a number is digits');
select pg_temp.refused($$ null, '1', null $$, 'and not few');
select pg_temp.refused($$ 'x@make.test', null, null, '[]' $$, 'what they say is an object');
select pg_temp.refused($$ 'x@make.test', null, null, '"x"' $$, 'and no text');
select pg_temp.refused($$ 'x@make.test', null, null, 'null' $$, 'nor the null of JSON');
select throws_ok($$ select from auth.users $$, '42501', null, 'nobody reads the table');

reset role;
set local role authenticated;
select throws_ok($$ select auth.make_user(null, null, null) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select auth.make_user(null, null, null) $$, '42501', null, 'nor for others');

select * from finish();
