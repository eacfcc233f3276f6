select plan(4);

set local role service_role;
create temp table made as
  select
    auth.make_user('ada@identities.test', null, 'hash') as id,
    auth.make_user(null, null, null) as anonymous;
grant select on made to public;
reset role;
insert into auth.identities (provider_id, user_id, provider, identity_data, created_at)
select 'x', m.id, 'gitlab', '{"sub": "x"}', now() + interval '1 s'
from made as m;

set local role service_role;
select is(
  auth.identities_json(m.id) #- '{0,identity_id}' #- '{0,created_at}' #- '{0,updated_at}'
    #- '{1,identity_id}' #- '{1,created_at}' #- '{1,updated_at}',
  jsonb_build_array(
    jsonb_build_object(
      'id', m.id, 'user_id', m.id, 'provider', 'email', 'last_sign_in_at', null,
      'email', 'ada@identities.test', 'identity_data', jsonb_build_object(
        'sub', m.id, 'email', 'ada@identities.test', 'email_verified', false,
        'phone_verified', false
      )
    ),
    jsonb_build_object(
      'id', 'x', 'user_id', m.id, 'provider', 'gitlab', 'last_sign_in_at', null,
      'identity_data', jsonb_build_object('sub', 'x')
    )
  ),
  'by what they sign in, the oldest first'
)
from made as m;
select matches(
  auth.identities_json(m.id) #>> '{0,created_at}', '^20[0-9-]+T[0-9:.]+Z$', 'times as clients read'
)
from made as m;
select is(auth.identities_json(m.anonymous), '[]', 'by nothing') from made as m;

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.identities_json(gen_random_uuid()) $$, '42501', null, 'not for users'
);

select * from finish();
