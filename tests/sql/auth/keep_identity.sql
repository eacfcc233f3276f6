select plan(5);

create temp table made as
  select auth.make_user('ada@keep.test', null, 'hash', confirmed => true) as id;
update auth.users as u
set email = 'ada2@keep.test', phone = '15550000011'
from made as m
where u.id = m.id;
select auth.keep_identity(m.id, 'email') from made as m;
select auth.keep_identity(m.id, 'phone') from made as m;
select auth.keep_identity(m.id, 'phone') from made as m;
select results_eq(
  $$
    select i.provider, i.identity_data ->> 'email', i.identity_data ->> 'phone'
    from auth.identities as i
    join made as m on m.id = i.user_id
    order by i.provider
  $$,
  $$ values ('email', 'ada2@keep.test', null), ('phone', null, '15550000011') $$,
  'identities are what the row has'
);
select is(i.identity_data -> 'email_verified', 'true', 'whether it was shown')
from auth.identities as i
join made as m on m.id = i.user_id
where i.provider = 'email';
select is(i.identity_data -> 'phone_verified', 'false', 'or not')
from auth.identities as i
join made as m on m.id = i.user_id
where i.provider = 'phone';
select is(
  u.raw_app_meta_data, '{"provider": "email", "providers": ["email", "phone"]}', 'each named once'
)
from auth.users as u
join made as m on m.id = u.id;

set local role service_role;
select throws_ok(
  $$ select auth.keep_identity(gen_random_uuid(), 'email') $$, '42501', null,
  'for functions of ours'
);

select * from finish();
