select plan(14);

set local role service_role;
create temp table made as
  select
    auth.make_user('ada@in.test', null, 'hash', confirmed => true) as id,
    auth.make_user('bob@in.test', null, 'hash') as mail,
    auth.make_user(null, '15550000005', 'hash') as phone;
grant select on made to public;
create function pg_temp.signs_in(hash text, new_hash text default null) returns text
language sql as $$
  select coalesce(r ->> 'error', r #>> '{claims,email}')
  from made as m
  cross join auth.sign_in_with_password(m.id, signs_in.hash, signs_in.new_hash) as r;
$$;
select is(pg_temp.signs_in('hash'), 'ada@in.test', 'whose password was checked');
select is(pg_temp.signs_in('better', 'other'), 'invalid_credentials', 'and not another');
select is(pg_temp.signs_in('hash', 'better'), 'ada@in.test', 'a better hash takes its place');
select is(pg_temp.signs_in('hash'), 'invalid_credentials', 'of the one before');
select is(pg_temp.signs_in('better'), 'ada@in.test', 'and is good');
select is(pg_temp.signs_in(null), 'invalid_credentials', 'none is no password');
select is(
  auth.sign_in_with_password(gen_random_uuid(), 'hash'), '{"error": "invalid_credentials"}',
  'nobody'
);
select is(
  auth.sign_in_with_password(m.mail, 'hash'), '{"error": "email_not_confirmed"}',
  'whose address is not confirmed'
)
from made as m;
select is(
  auth.sign_in_with_password(m.phone, 'hash'), '{"error": "phone_not_confirmed"}',
  'whose number is not'
)
from made as m;

reset role;
select is(count(*), 3::bigint, 'who is refused has no session')
from auth.sessions as s
join made as m on s.user_id in (m.id, m.mail, m.phone);
update auth.users as u
set banned_until = clock_timestamp() + interval '1 h'
from made as m
where u.id = m.id;
set local role service_role;
select is(pg_temp.signs_in('better'), 'user_banned', 'who is banned');
reset role;
update auth.users as u
set banned_until = null, deleted_at = now()
from made as m
where u.id = m.id;
set local role service_role;
select is(pg_temp.signs_in('better'), 'invalid_credentials', 'who is deleted');

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.sign_in_with_password(gen_random_uuid(), 'hash') $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select auth.sign_in_with_password(gen_random_uuid(), 'hash') $$, '42501', null,
  'a process asks, not a client'
);

select * from finish();
