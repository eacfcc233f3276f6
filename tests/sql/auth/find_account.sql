select plan(8);

set local role service_role;
create temp table made as
  select
    auth.make_user('ada@find.test', null, 'hash') as mail,
    auth.make_user(null, '15550000002', null) as phone,
    auth.make_user(null, null, null) as anonymous;
select is(
  auth.find_account('Ada@find.test', null),
  (select jsonb_build_object('id', m.mail, 'hash', 'hash') from made as m),
  'by address, however it is written'
);
select is(
  auth.find_account(null, '15550000002'),
  (select jsonb_build_object('id', m.phone, 'hash', '') from made as m),
  'by number, also who has no password'
);
select is(auth.find_account('bob@find.test', null), null, 'nobody');
select is(auth.find_account(null, null), null, 'nobody is everybody');
select is(
  auth.find_account('bob@find.test', '15550000002'), null, 'an address goes before a number'
);

reset role;
update auth.users as u
set deleted_at = now()
from made as m
where u.id = m.phone;
update auth.users as u
set is_sso_user = true
from made as m
where u.id = m.mail;
set local role service_role;
select is(auth.find_account(null, '15550000002'), null, 'not who is deleted');
select is(auth.find_account('ada@find.test', null), null, 'nor for whom a company vouches');

reset role;
set local role authenticated;
select throws_ok($$ select auth.find_account('a', null) $$, '42501', null, 'not for users');

select * from finish();
