select plan(8);

set local role service_role;
create temp table made as
  select
    auth.make_user('ada@json.test', null, 'secret hash', '{"a": null}') as id,
    auth.make_user(null, null, null) as anonymous;
grant select on made to public;
select is(
  auth.user_json(m.id) - '{created_at,updated_at,identities}'::text[],
  jsonb_build_object(
    'id', m.id, 'aud', 'authenticated', 'role', 'authenticated', 'email', 'ada@json.test',
    'phone', '', 'is_anonymous', false, 'user_metadata', '{"a": null}'::jsonb,
    'app_metadata', '{"provider": "email", "providers": ["email"]}'::jsonb
  ),
  'what clients know; nothing that is null but what they wrote themselves'
)
from made as m;
select is(jsonb_array_length(auth.user_json(m.id) -> 'identities'), 1, 'by what they sign in')
from made as m;
select is(
  auth.user_json(m.anonymous) - '{id,created_at,updated_at}'::text[],
  '{"aud": "authenticated", "role": "authenticated", "email": "", "phone": "",
    "is_anonymous": true, "user_metadata": {}, "app_metadata": {}, "identities": []}',
  'of one of whom nothing is known'
)
from made as m;
select is(auth.user_json(gen_random_uuid()), null, 'nobody');

reset role;
update auth.users as u
set email_confirmed_at = '2026-01-01', phone_change = '15550000003', email_change = 'b@json.test',
    banned_until = '2100-01-01', encrypted_password = 'secret', recovery_token = 'secret',
    confirmation_token = 'secret', reauthentication_token = 'secret'
from made as m
where u.id = m.id;
select ok(
  auth.user_json(m.id) @> '{"new_email": "b@json.test", "new_phone": "15550000003"}',
  'what they want to have'
)
from made as m;
select ok(
  auth.user_json(m.id) ?& '{email_confirmed_at,confirmed_at,banned_until}'::text[],
  'and times that are there'
)
from made as m;
select is(strpos(auth.user_json(m.id)::text, 'secret'), 0, 'no hash, no token') from made as m;

set local role authenticated;
select throws_ok($$ select auth.user_json(gen_random_uuid()) $$, '42501', null, 'not for users');

select * from finish();
