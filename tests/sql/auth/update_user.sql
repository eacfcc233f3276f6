select plan(27);

create role app_editor_of_updates;
set local role service_role;
create temp table made as
  select
    (auth.create_user(
      '{"email": "ada@update.test", "hash": "hash", "email_confirm": true,
        "user_metadata": {"name": "Ada", "town": "London"}, "app_metadata": {"plan": "gold"}}'
    ) ->> 'id')::uuid as id,
    auth.make_user('bob@update.test', null, null) as bob,
    auth.make_user(null, '15550000031', null) as phone,
    auth.make_user(null, null, null) as anonymous;
grant select on made to public;
create function pg_temp.updates(attributes jsonb) returns jsonb language sql as $$
  select auth.update_user(m.id, updates.attributes) from made as m;
$$;
create function pg_temp.opens() returns uuid language sql as $$
  select auth.open_session(m.id, 'password') from made as m;
$$;
create function pg_temp.sessions() returns integer language sql as $$
  select jsonb_array_length(auth.list_sessions(m.id)) from made as m;
$$;
reset role;
create function pg_temp.mail() returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into auth.one_time_tokens (user_id, token_type, token_hash, relates_to)
  select m.id, 'recovery_token', 'x', 'ada@update.test' from pg_temp.made as m;
$$;
create function pg_temp.mails() returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) from auth.one_time_tokens as t join pg_temp.made as m on m.id = t.user_id;
$$;
set local role service_role;

select pg_temp.opens();
select pg_temp.mail();
select is(
  pg_temp.updates('{"user_metadata": {"town": null, "age": 36}}') -> 'user_metadata',
  '{"name": "Ada", "age": 36}', 'what they said, by name'
);
select is(
  pg_temp.updates('{"app_metadata": {"plan": "lead"}}') -> 'app_metadata',
  '{"plan": "lead", "provider": "email", "providers": ["email"]}', 'what is known of them too'
);
select is(pg_temp.sessions() || ' ' || pg_temp.mails(), '1 1', 'which signs nobody out');
select ok(
  pg_temp.updates('{"email": "Ada2@update.test"}')
  @> '{"email": "ada2@update.test", "identities": [{"email": "ada2@update.test"}]}',
  'a new address is theirs at once'
);
select ok(pg_temp.updates('{}') ? 'email_confirmed_at', 'as confirmed as the one before');
select is(
  pg_temp.sessions() || ' ' || pg_temp.mails(), '1 0', 'links to the one before are void'
);
select ok(
  pg_temp.updates('{"phone": "15550000032"}') @> '{"phone": "15550000032",
    "app_metadata": {"provider": "email", "providers": ["email", "phone"]}}',
  'and a number'
);
select ok(not pg_temp.updates('{}') ? 'phone_confirmed_at', 'which they did not show');
select ok(pg_temp.updates('{"phone_confirm": true}') ? 'phone_confirmed_at', 'unless it is said');

select pg_temp.mail();
select ok(pg_temp.updates('{"hash": "better"}') ? 'id', 'a new password');
select is(auth.find_account('ada2@update.test', null) ->> 'hash', 'better', 'is kept');
select is(pg_temp.sessions() || ' ' || pg_temp.mails(), '0 0', 'and ends all that was under way');
select pg_temp.opens();
select is(
  pg_temp.updates('{"role": "app_editor_of_updates"}') ->> 'role', 'app_editor_of_updates', 'a role'
);
select is(pg_temp.sessions(), 0, 'whose tokens are other ones');
select pg_temp.opens();
select ok(pg_temp.updates('{"ban_duration": "24h"}') ? 'banned_until', 'a ban');
select is(pg_temp.sessions(), 0, 'ends all');
select is(pg_temp.opens(), null, 'and lets nobody in');
select ok(not pg_temp.updates('{"ban_duration": "none"}') ? 'banned_until', 'until it ends');

select is(
  pg_temp.updates('{"email": "bob@update.test"}'), '{"error": "email_exists"}',
  'the address of another'
);
select is(
  pg_temp.updates('{"phone": "15550000031"}'), '{"error": "phone_exists"}', 'or the number'
);
select is(
  pg_temp.updates('{"role": "service_role"}') ->> 'error', 'validation_failed', 'no role of users'
);
select is(
  auth.update_user(gen_random_uuid(), '{}'), '{"error": "user_not_found"}', 'nobody'
);
select ok(
  auth.update_user(m.anonymous, '{"email": "new@update.test"}') @> '{"is_anonymous": false,
    "app_metadata": {"provider": "email", "providers": ["email"]}}',
  'of whom nothing was known'
)
from made as m;
select auth.delete_user(m.bob, true) from made as m;
select is(
  auth.update_user(m.bob, '{}'), '{"error": "user_not_found"}', 'nor one who is deleted'
)
from made as m;

reset role;
select results_eq(
  $$
    select e.details
    from audit.events as e
    join made as m on m.id::text = e.target
    where e.action = 'user.updated'
    and e.details -> 'changed' ?| '{hash,role}'
    order by e.id
  $$,
  $$
    values ('{"changed": ["hash"]}'::jsonb),
      ('{"changed": ["role"], "role": "app_editor_of_updates"}')
  $$,
  'which are events'
);
select is_empty(
  $$ select from audit.events as e where strpos(e::text, '"better"') > 0 $$, 'without the hash'
);
set local role authenticated;
select throws_ok(
  $$ select auth.update_user(gen_random_uuid(), '{}') $$, '42501', null, 'not for users'
);

select * from finish();
