select plan(8);

set local role service_role;
create temp table made as
  select n.name, auth.make_user(n.name || '@endall.test', null, 'hash') as id
  from (values ('ada'), ('bob')) as n (name);
create temp table opened as
  select m.name || n.n as who, m.id as user_id, auth.open_session(m.id, 'password') as session
  from made as m
  cross join generate_series(1, 3) as n (n);
grant select on made, opened to public;
reset role;
create function pg_temp.left_over() returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select string_agg(o.who, ' ' order by o.who)
  from opened as o
  join auth.sessions as s on s.id = o.session;
$$;
set local role service_role;

select is(auth.end_sessions(o.user_id, o.session), 1, 'one of them')
from opened as o
where o.who = 'ada1';
select is(auth.end_sessions(a.user_id, b.session), 0, 'but nobody else''s')
from opened as a, opened as b
where a.who = 'ada2' and b.who = 'bob1';
select is(pg_temp.left_over(), 'ada2 ada3 bob1 bob2 bob3', 'the others stay');
select is(auth.end_sessions(m.id), 2, 'or all') from made as m where m.name = 'ada';
select is(pg_temp.left_over(), 'bob1 bob2 bob3', 'of the user');
select is(auth.end_sessions(gen_random_uuid()), 0, 'nobody has none');

reset role;
select results_eq(
  $$
    select (e.details ->> 'ended')::int
    from audit.events as e
    join made as m on m.id::text = e.target
    where e.action = 'session.ended'
    order by e.id
  $$,
  array[1, 2], 'which are events'
);
set local role authenticated;
select throws_ok($$ select auth.end_sessions(gen_random_uuid()) $$, '42501', null, 'not for users');

select * from finish();
