select plan(3);

set local role service_role;
create temp table ada as
  select auth.make_user('ada@mailed.test', null, null) as id;
grant select on ada to public;
select auth.mail_one_time_token(
  a.id, p.purpose, 'ada@mailed.test',
  jsonb_build_object(
    'hash', 'h-' || p.purpose, 'redirect_to', 'https://app.test/', 'mail',
    jsonb_build_object('id', gen_random_uuid(), 'secrets', 'sealed ' || p.purpose)
  ),
  '{"new_email": "new@mailed.test"}'
)
from ada as a
cross join unnest(array[
  'signup', 'magiclink', 'recovery', 'invite', 'email_change_new', 'reauthentication'
]) as p (purpose);
reset role;

select results_eq(
  $$
    select m.kind, m.secrets, m.to_address, m.data
    from auth.mails as m
    join ada as a on a.id = m.user_id
    order by m.kind
  $$,
  $$
    select k.kind, 'sealed ' || k.purpose, 'ada@mailed.test',
      '{"redirect_to": "https://app.test/", "new_email": "new@mailed.test"}'::jsonb
    from (
      values
        ('confirmation', 'signup'), ('email_change', 'email_change_new'), ('invite', 'invite'),
        ('magic_link', 'magiclink'), ('reauthentication', 'reauthentication'),
        ('recovery', 'recovery')
    ) as k (kind, purpose)
  $$,
  'a mail of its kind for each purpose'
);
select results_eq(
  $$
    select count(*), count(*) filter (where t.relates_to = a.id::text)
    from auth.one_time_tokens as t
    join ada as a on a.id = t.user_id
  $$,
  $$ values (6::bigint, 1::bigint) $$,
  'that of a reauthentication goes by the user'
);

set local role authenticated;
select throws_ok(
  $$ select auth.mail_one_time_token(auth.uid(), 'signup', 'x@y.test', '{"hash": "h"}') $$,
  '42501', null, 'not for users'
);

select * from finish();
