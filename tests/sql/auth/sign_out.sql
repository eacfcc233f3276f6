select plan(14);

set local role service_role;
create temp table made as
  select auth.make_user(n.name || '@out.test', null, 'hash') as id
  from (values ('ada'), ('bob')) as n (name);
create temp table opened as
  select row_number() over (partition by m.id) as n, auth.open_session(m.id, 'password') as session,
    u.email
  from made as m
  cross join generate_series(1, 4)
  cross join lateral (select auth.user_json(m.id) ->> 'email' as email) as u;
grant select on made, opened to public;
reset role;
create function pg_temp.left_over() returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select string_agg(left(o.email, 3) || o.n, ' ' order by o.email, o.n)
  from opened as o
  join auth.sessions as s on s.id = o.session;
$$;
create function pg_temp.one(n integer) returns uuid language sql as $$
  select o.session from opened as o where o.n = one.n and o.email like 'ada%';
$$;
set local role service_role;

select is(auth.sign_out(pg_temp.one(1), 'local'), 1, 'this session');
select is(pg_temp.left_over(), 'ada2 ada3 ada4 bob1 bob2 bob3 bob4', 'and no other');
select is(auth.sign_out(pg_temp.one(2), 'others'), 2, 'all but this one');
select is(pg_temp.left_over(), 'ada2 bob1 bob2 bob3 bob4', 'of the user');
select is(auth.sign_out(pg_temp.one(1), 'global'), 0, 'what is over ends nothing');
select is(auth.sign_out(pg_temp.one(2)), 1, 'all of them');
select is(pg_temp.left_over(), 'bob1 bob2 bob3 bob4', 'and nobody else''s');
select is(auth.sign_out(gen_random_uuid()), 0, 'no session');
select is(auth.sign_out(null), 0, 'none');
select throws_ok(
  $$ select auth.sign_out(pg_temp.one(1), 'all') $$, '22023', null, 'no scope of that name'
);
select throws_ok(
  $$ select auth.sign_out(pg_temp.one(1), null) $$, '22023', null, 'nor null'
);

reset role;
select results_eq(
  $$
    select e.details ->> 'scope', (e.details ->> 'ended')::int
    from audit.events as e
    join made as m on m.id::text = e.target
    where e.action = 'session.signed_out'
    order by e.id
  $$,
  $$ values ('local', 1), ('others', 2), ('global', 1) $$,
  'which are events'
);
set local role authenticated;
select throws_ok($$ select auth.sign_out(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select auth.sign_out(gen_random_uuid()) $$, '42501', null, 'nor for others');

select * from finish();
