select plan(22);

set local role service_role;
select auth.set_setting('smtp_max_frequency', '0');
create temp table made as
  select m.*, auth.open_session(m.ada, 'password') as here,
    auth.open_session(m.ada, 'password') as elsewhere,
    auth.open_session(m.anonymous, 'anonymous') as there
  from (
    select
      auth.register_user('ada@change.test', null, 'old', '{"a": 1, "b": 2}', true) as ada,
      auth.register_user('bob@change.test', null, 'hash', null, true) as bob,
      auth.make_user(null, null, null) as anonymous
  ) as m;
grant select on made to public;
create function pg_temp.changed(changes jsonb)
  returns jsonb
  language sql
as $$
  select auth.change_user(m.here, m.ada, changes)
  from pg_temp.made as m;
$$;

select is(
  pg_temp.changed(
    '{"data": {"a": null, "b": {"c": null}, "d": 3, "sub": "x", "email_verified": false}}'
  ) #> '{user,user_metadata}',
  jsonb_build_object(
    'b', '{"c": null}'::jsonb, 'd', 3, 'sub', m.ada, 'email', 'ada@change.test',
    'email_verified', true, 'phone_verified', false
  ),
  'what they say of themselves'
)
from made as m;
select is(
  pg_temp.changed('{"role": "service_role", "app_metadata": {"admin": true}, "is_anonymous": true,
    "email_confirmed_at": null, "raw_app_meta_data": {"admin": true}, "id": "x"}') -> 'user',
  auth.user_json(m.ada), 'and nothing else'
)
from made as m;
select is(
  pg_temp.changed('{"email": "bob@change.test"}'), '{"error": "email_exists"}', 'not another''s'
);
select is(
  pg_temp.changed('{"email": "ada@change.test"}') #> '{user,new_email}', null, 'the same is none'
);
select is(
  pg_temp.changed('{"email": "new@change.test", "tickets": {"now": {"hash": "change-1"},
    "new": {"hash": "change-2"}}}') #>> '{user,new_email}',
  'new@change.test', 'a new address'
);
select is(
  pg_temp.changed('{"phone": "15552220000"}'), '{"error": "phone_provider_disabled"}',
  'a number if that is on'
);
select auth.set_setting('phone_enabled', 'true');
select is(
  pg_temp.changed('{"phone": "15552220000", "tickets": {"phone": {"hash": "change-3"}}}')
    #>> '{sms,new_phone}',
  '15552220000', 'a number'
);

select is(
  pg_temp.changed('{"hash": "new", "hash_was": "another"}'), '{"error": "conflict"}',
  'of two new passwords at once one is refused'
);
select is(
  pg_temp.changed('{"hash": "new", "hash_was": "old"}') -> 'ended', '1',
  'a new password ends the other session'
);
select is(
  auth.verify('email_change', 'change-1') ->> 'why', 'superseded',
  'and what somebody else may have begun'
);
select auth.set_setting('security_update_password_require_reauthentication', 'true');
select is(
  pg_temp.changed('{"hash": "new 2", "hash_was": "new"}') -> 'ended', '0', 'who came just now'
);
reset role;
update auth.sessions as s
set created_at = now() - interval '25 h'
from made as m
where s.id = m.here;
set local role service_role;
select is(
  pg_temp.changed('{"hash": "new 3", "hash_was": "new 2"}'),
  '{"error": "reauthentication_needed"}', 'who came long ago needs a code'
);
select auth.request_reauthentication(
  m.here, m.ada, jsonb_build_object('hash', 'change-4', 'code', lpad('4', 64, '0'))
)
from made as m;
select is(
  pg_temp.changed(jsonb_build_object(
    'hash', 'new 3', 'hash_was', 'new 2', 'nonces', array[lpad('5', 64, '0')]
  )),
  '{"error": "reauthentication_not_valid"}', 'the right one'
);
select is(
  pg_temp.changed(jsonb_build_object(
    'hash', 'new 3', 'hash_was', 'new 2', 'nonces', array[lpad('4', 64, '0')]
  )) -> 'ended',
  '0', 'as it was sent'
);

select is(
  auth.change_user(m.there, m.anonymous, '{"hash": "h", "hash_was": ""}') ->> 'error',
  'validation_failed', 'a password is of no use without an address'
)
from made as m;
select auth.set_setting('mailer_autoconfirm', 'true');
select ok(
  auth.change_user(
    m.there, m.anonymous, '{"hash": "h", "hash_was": "", "email": "anne@change.test"}'
  ) -> 'user' @> jsonb_build_object(
    'id', m.anonymous, 'email', 'anne@change.test', 'is_anonymous', false
  ),
  'who was anonymous is known'
)
from made as m;
select is(
  auth.change_user(m.there, m.ada, '{}'), '{"error": "session_not_found"}', 'of another session'
)
from made as m;
select is(
  auth.change_user(m.there, gen_random_uuid(), '{}'), '{"error": "user_not_found"}', 'of nobody'
)
from made as m;
reset role;
select is(u.encrypted_password, 'new 3', 'the password') from auth.users as u
join made as m on m.ada = u.id;
update auth.users as u
set is_sso_user = true
from made as m
where u.id = m.ada;
set local role service_role;
select is(
  pg_temp.changed('{"email": "x@change.test"}'), '{"error": "user_sso_managed"}',
  'a company''s own sign-in says who they are'
);
reset role;
update auth.users as u
set banned_until = now() + interval '1 h'
from made as m
where u.id = m.ada;
set local role service_role;
select is(pg_temp.changed('{}'), '{"error": "user_banned"}', 'nothing while banned');

set local role authenticated;
select throws_ok(
  $$ select auth.change_user(gen_random_uuid(), auth.uid(), '{}') $$, '42501', null,
  'users ask a process'
);

select * from finish();
