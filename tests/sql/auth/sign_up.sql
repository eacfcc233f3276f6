select plan(26);

set local role service_role;
create temp table made as
  select auth.sign_up(
    'Ada@up.test', null, 'hash',
    '{"name": "Ada", "email": "boss@up.test", "email_verified": true, "sub": "x"}',
    'Browser', '192.0.2.7', '{"hash": "up-1"}'
  ) as doc;
grant select on made to public;
select is(
  m.doc #> '{user,user_metadata}',
  jsonb_build_object(
    'name', 'Ada', 'email', 'ada@up.test', 'email_verified', false, 'phone_verified', false,
    'sub', m.doc #> '{user,id}'
  ),
  'what they say of themselves, but for what they cannot say'
)
from made as m;
select ok(not m.doc ? 'session_id', 'no session before the address is confirmed') from made as m;
select is(
  auth.sign_up('ADA@up.test', null, 'other') ->> 'error', 'over_email_send_rate_limit',
  'of two at once the second has to wait'
);
select auth.set_setting('smtp_max_frequency', '0');
create temp table again as
  select auth.sign_up(
    'ada@up.test', null, 'newer hash', '{"name": "Ada 2"}', ticket => '{"hash": "up-2"}'
  ) as doc;
grant select on again to public;
select is(a.doc #> '{user,id}', m.doc #> '{user,id}', 'who has not confirmed signs up again')
from again as a
cross join made as m;
select is(
  auth.take_one_time_token('signup', 'up-1') ->> 'why', 'superseded',
  'the new link and the new password take the place of the old ones'
);
select ok(auth.verify('signup', 'up-2') ? 'session_id', 'and the link signs in');
create temp table nobody as
  select auth.sign_up(
    'ada@up.test', null, 'other', '{"name": "Eve"}',
    ticket => '{"hash": "up-3", "nobody": "00000000-0000-4000-8000-000000000001"}'
  ) as doc;
grant select on nobody to public;
select is(
  n.doc #>> '{user,id}', '00000000-0000-4000-8000-000000000001', 'who has an account is not told of'
)
from nobody as n;
select results_eq(
  $$
    select array_agg(n.path order by n.path)
    from nobody as d
    cross join lateral (
      select k.key || coalesce('.' || i.key, '') as path
      from jsonb_each(d.doc -> 'user') as k
      left join jsonb_each(
        case jsonb_typeof(k.value) when 'object' then k.value else '{}' end
      ) as i on true
    ) as n
  $$,
  $$
    select array_agg(n.path order by n.path)
    from again as d
    cross join lateral (
      select k.key || coalesce('.' || i.key, '') as path
      from jsonb_each(d.doc -> 'user') as k
      left join jsonb_each(
        case jsonb_typeof(k.value) when 'object' then k.value else '{}' end
      ) as i on true
    ) as n
  $$,
  'the answer has the same fields'
);
select is(
  auth.take_one_time_token('signup', 'up-3') ->> 'why', 'unknown', 'nor is there a link'
);
select is(
  auth.sign_up(null, '15550000004', 'hash'), '{"error": "phone_provider_disabled"}',
  'by number if that is on'
);

select auth.set_setting('mailer_autoconfirm', 'true');
select auth.set_setting('phone_enabled', 'true');
select auth.set_setting('phone_autoconfirm', 'true');
create temp table entered as
  select
    auth.sign_up('bob@up.test', null, 'hash', null, 'Browser', '192.0.2.7') as mail,
    auth.sign_up(null, '15550000004', 'hash') as phone;
grant select on entered to public;
select ok(
  e.mail @> '{"counter": 0, "claims": {"email": "bob@up.test", "amr": [{"method": "password"}],
    "user_metadata": {"email_verified": true, "phone_verified": false}}}',
  'who has nothing to confirm is signed in'
)
from entered as e;
select ok(
  e.phone @> '{"claims": {"phone": "15550000004", "email": "",
    "user_metadata": {"email_verified": false, "phone_verified": true}}}',
  'also by number'
)
from entered as e;
select is(
  auth.sign_up(null, '15550000004', 'other'), '{"error": "user_already_exists"}',
  'a number is one user''s'
);
select auth.set_setting('phone_autoconfirm', 'false');
select auth.set_setting('sms_max_frequency', '0');
create temp table texted as
  select d.doc, d.number
  from (
    values ('15550000004'), ('15550000005')
  ) as n (number)
  cross join lateral (
    select auth.sign_up(null, n.number, 'other', '{"a": 1}', ticket => jsonb_build_object(
      'hash', 'texted-' || n.number, 'code', repeat('ab', 32), 'nobody', gen_random_uuid()
    )) as doc, n.number
  ) as d;
grant select on texted to public;
select results_eq(
  $$
    select k.key || coalesce('.' || i.key, '')
    from texted as t
    cross join jsonb_each(t.doc #> '{user}') as k
    left join jsonb_each(case jsonb_typeof(k.value) when 'object' then k.value else '{}' end)
      as i on true
    where t.number = '15550000004'
    order by 1
  $$,
  $$
    select k.key || coalesce('.' || i.key, '')
    from texted as t
    cross join jsonb_each(t.doc #> '{user}') as k
    left join jsonb_each(case jsonb_typeof(k.value) when 'object' then k.value else '{}' end)
      as i on true
    where t.number = '15550000005'
    order by 1
  $$,
  'who has a number is answered as who is new'
);
select is(
  t.doc #>> '{sms,id}', e.phone #>> '{user,id}', 'and gets a code for the account that is there'
)
from texted as t
cross join entered as e
where t.number = '15550000004';
select isnt(t.doc #>> '{user,id}', t.doc #>> '{sms,id}', 'whose id nobody is told')
from texted as t
where t.number = '15550000004';
reset role;
select is(u.encrypted_password, 'hash', 'whose password stays')
from auth.users as u
where u.phone = '15550000004';
select results_eq(
  $$
    select s.user_agent, s.ip
    from auth.sessions as s
    join entered as e on e.mail ->> 'session_id' = s.id::text
  $$,
  $$ values ('Browser', '192.0.2.7'::inet) $$,
  'from where they are'
);
select is(u.encrypted_password, 'newer hash', 'nobody else''s password takes the place of theirs')
from auth.users as u
where u.email = 'ada@up.test';

select results_eq(
  $$ select m.kind from auth.mails as m where m.to_address = 'ada@up.test' order by m.created_at $$,
  array['confirmation', 'confirmation', 'account_exists_notification'],
  'it is the owner of the address who is told'
);

set local role service_role;
select auth.set_setting('email_enabled', 'false');
select is(
  auth.sign_up('eve@up.test', null, 'hash'), '{"error": "email_provider_disabled"}',
  'by address if that is on'
);
select auth.set_setting('disable_signup', 'true');
select is(
  auth.sign_up('eve@up.test', null, 'hash'), '{"error": "signup_disabled"}', 'or anything'
);
reset role;
select is_empty(
  $$ select from auth.users as u where u.email = 'eve@up.test' $$, 'who is refused is no user'
);
select is_empty(
  $$ select from audit.events as e where strpos(e::text, '"hash"') > 0 $$, 'no event has the hash'
);

set local role authenticated;
select throws_ok($$ select auth.sign_up('a@b.test', null, 'h') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok(
  $$ select auth.sign_up('a@b.test', null, 'h') $$, '42501', null, 'a process asks, not a client'
);

select * from finish();
