select plan(14);

delete from auth.users as u;
set local role service_role;
create temp table made as
  select n.n,
    (auth.create_user(jsonb_build_object(
      'email', 'user_' || n.n || '@users.test', 'created_at', now() + n.n * interval '1 s'
    )) ->> 'id')::uuid as id
  from generate_series(1, 5) as n (n);
create temp table other as
  select auth.create_user('{"phone": "15550000051", "created_at": "2020-01-01Z"}');

create function pg_temp.listed(page jsonb) returns text language sql as $$
  select string_agg(
    case u ->> 'email' when '' then 'phone' else substr(u ->> 'email', 6, 1) end, ' ' order by x.n
  )
  from jsonb_array_elements(listed.page -> 'users') with ordinality as x (u, n);
$$;
select is(pg_temp.listed(auth.list_users()), '5 4 3 2 1 phone', 'the newest first');
select is(pg_temp.listed(auth.list_users(2)), '5 4', 'a page');
select is(pg_temp.listed(auth.list_users(2, 2)), '3 2', 'and the next');
select is(pg_temp.listed(auth.list_users(2, 4)), null, 'until there are no more');
select is(auth.list_users(2, 4) -> 'users', '[]', 'which is an empty list');
select is(auth.list_users(2) -> 'total', '6', 'how many there are');
select is(auth.list_users(10) -> 'next', 'null', 'the end');
create temp table page as select auth.list_users(4) ->> 'next' as cursor;
select is(
  pg_temp.listed(auth.list_users(4, cursor => p.cursor)), '1 phone', 'by the cursor of a page'
)
from page as p;
select is(auth.list_users(4, cursor => p.cursor) -> 'total', 'null', 'which counts nothing')
from page as p;
select is(pg_temp.listed(auth.list_users(filter => 'USER_4')), '4', 'by how an address begins');
select is(pg_temp.listed(auth.list_users(filter => '%4')), null, 'as it is written');
select is(pg_temp.listed(auth.list_users(filter => '1555')), 'phone', 'or a number');
select is(auth.list_users(1) #> '{users,0,identities}', 'null', 'identities are not listed');

reset role;
set local role authenticated;
select throws_ok($$ select auth.list_users() $$, '42501', null, 'not for users');

select * from finish();
