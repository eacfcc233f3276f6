select plan(6);

set local role service_role;
create temp table made as
  select
    auth.register_user('ada@begin.test', null, 'hash', null, true) as ada,
    auth.make_user(null, null, null) as anonymous;
grant select on made to public;
create function pg_temp.begins(who uuid, address text, hash text)
  returns jsonb
  language sql
as $$
  select auth.begin_change(
    who, 'email', address,
    jsonb_build_object(
      'now', jsonb_build_object('hash', hash || '-now'),
      'new', jsonb_build_object('hash', hash || '-new')
    )
  );
$$;
select pg_temp.begins(m.ada, 'one@begin.test', 'begin-1'),
  pg_temp.begins(m.ada, 'two@begin.test', 'begin-2'),
  pg_temp.begins(m.anonymous, 'anne@begin.test', 'begin-3')
from made as m;
select is(
  auth.take_one_time_token('email_change', 'begin-1-now') ->> 'why', 'superseded',
  'a newer change takes the place of the older'
);
select is(
  auth.begin_change(m.ada, 'phone', '15550008888', '{"new": {"hash": "begin-4"}}') ->> 'new_phone',
  '15550008888', 'a code is to be sent to a new number'
)
from made as m;
select auth.set_setting('mailer_secure_email_change_enabled', 'false');
select pg_temp.begins(m.ada, 'three@begin.test', 'begin-5')
from made as m;
reset role;

select results_eq(
  $$
    select q.to_address, q.data ->> 'new_email', q.data ->> 'old_email'
    from auth.mails as q
    join made as m on m.ada = q.user_id
    order by q.created_at
  $$,
  $$
    values ('ada@begin.test', 'one@begin.test', 'ada@begin.test'),
      ('one@begin.test', 'one@begin.test', 'ada@begin.test'),
      ('ada@begin.test', 'two@begin.test', 'ada@begin.test'),
      ('two@begin.test', 'two@begin.test', 'ada@begin.test'),
      ('three@begin.test', 'three@begin.test', 'ada@begin.test')
  $$,
  'both addresses are asked, or the new one alone'
);
select results_eq(
  $$
    select q.to_address
    from auth.mails as q
    join made as m on m.anonymous = q.user_id
  $$,
  array['anne@begin.test'], 'who has no address yet has one to show'
);
select results_eq(
  $$
    select u.email::text, u.email_change::text, u.phone_change
    from auth.users as u
    join made as m on m.ada = u.id
  $$,
  $$ values ('ada@begin.test', 'three@begin.test', '15550008888') $$,
  'nothing has changed yet'
);

set local role authenticated;
select throws_ok(
  $$ select auth.begin_change(auth.uid(), 'email', 'a@b.test', '{}') $$, '42501', null,
  'not for users'
);

select * from finish();
