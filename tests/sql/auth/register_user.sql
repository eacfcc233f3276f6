select plan(5);

set local role service_role;
create temp table made as
  select
    auth.register_user(
      'Ada@register.test', null, 'hash',
      '{"name": "Ada", "sub": "x", "email": "boss@register.test", "email_verified": true}'
    ) as mail,
    auth.register_user(null, '15550002222', null, null, true) as phone;
grant select on made to public;
select is(
  auth.register_user('ada@register.test', null, 'other'), null, 'an address is one user''s'
);
reset role;

select is(
  u.raw_user_meta_data,
  jsonb_build_object(
    'name', 'Ada', 'sub', u.id, 'email', 'ada@register.test', 'email_verified', false,
    'phone_verified', false
  ),
  'what they cannot say, they do not say'
)
from auth.users as u
join made as m on m.mail = u.id;
select is(
  u.raw_user_meta_data,
  jsonb_build_object(
    'sub', u.id, 'phone', '15550002222', 'email_verified', false, 'phone_verified', true
  ),
  'a number that is confirmed'
)
from auth.users as u
join made as m on m.phone = u.id;
select is(u.encrypted_password, 'hash', 'nobody else has changed them')
from auth.users as u
join made as m on m.mail = u.id;

set local role anon;
select throws_ok(
  $$ select auth.register_user('a@b.test', null, null) $$, '42501', null, 'not for clients'
);

select * from finish();
