select plan(8);

set local role service_role;
create temp table made as
  select
    auth.register_user('ada@confirm.test', null, 'hash') as signs_up,
    auth.register_user('bob@confirm.test', null, 'hash') as magic,
    auth.register_user(null, '15550004444', null) as phone,
    auth.register_user(null, '15550004445', 'hash of a stranger') as coded;
grant select on made to public;
select auth.confirm_address(m.signs_up, 'signup'), auth.confirm_address(m.magic, 'magiclink'),
  auth.confirm_address(m.phone, 'sms'), auth.confirm_address(m.coded, 'phone_otp')
from made as m;
select auth.confirm_address(m.signs_up, 'recovery')
from made as m;
reset role;

select ok(u.email_confirmed_at is not null and u.confirmed_at is not null, 'they are confirmed')
from auth.users as u
join made as m on m.signs_up = u.id;
select is(u.encrypted_password, 'hash', 'with the password, also if they come again')
from auth.users as u
join made as m on m.signs_up = u.id;
select is(
  u.encrypted_password, null, 'a password of who has not shown that the address is theirs goes'
)
from auth.users as u
join made as m on m.magic = u.id;
select ok(
  u.encrypted_password is null and u.phone_confirmed_at is not null,
  'also of who came by a code and not by their sign-up'
)
from auth.users as u
join made as m on m.coded = u.id;
select is(u.raw_user_meta_data ->> 'email_verified', 'true', 'user_metadata says it')
from auth.users as u
join made as m on m.signs_up = u.id;
select results_eq(
  $$
    select i.identity_data -> 'email_verified', i.identity_data -> 'phone_verified'
    from auth.identities as i
    join made as m on i.user_id in (m.signs_up, m.phone)
    order by i.provider
  $$,
  $$ values ('true'::jsonb, 'false'::jsonb), ('false', 'true') $$,
  'and so does the identity'
);
select ok(u.phone_confirmed_at is not null and u.email_confirmed_at is null, 'or a number')
from auth.users as u
join made as m on m.phone = u.id;

set local role authenticated;
select throws_ok(
  $$ select auth.confirm_address(auth.uid(), 'signup') $$, '42501', null, 'not for users'
);

select * from finish();
