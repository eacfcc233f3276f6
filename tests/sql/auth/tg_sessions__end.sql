select plan(6);

set local role service_role;
create temp table made as select auth.make_user('ada@end.test', null, 'hash') as id;
create temp table opened as
  select n.n, auth.open_session(m.id, 'password') as session
  from made as m
  cross join generate_series(1, 4) as n (n);
grant select on made, opened to public;
reset role;

create function pg_temp.ended() returns text language sql as $$
  select string_agg(o.n::text, ' ' order by o.n)
  from auth.ended_sessions as e
  join opened as o on o.session = e.session_id;
$$;
delete from auth.sessions as s using opened as o where o.session = s.id and o.n = 1;
select is(pg_temp.ended(), '1', 'the tokens of a session end with it');
select ok(e.forget_at > now() + interval '1 h', 'until none can be good any more')
from auth.ended_sessions as e
join opened as o on o.session = e.session_id;

update auth.sessions as s
set tokens_until = now() - interval '2 min'
from opened as o
where o.session = s.id and o.n = 2;
delete from auth.sessions as s using opened as o where o.session = s.id and o.n = 2;
select is(pg_temp.ended(), '1', 'none if they expired long ago');

update auth.sessions as s
set tokens_until = null
from opened as o
where o.session = s.id and o.n = 3;
delete from auth.sessions as s using opened as o where o.session = s.id and o.n = 3;
select is(pg_temp.ended(), '1 3', 'those of a dump may be good for as long as ours');

delete from auth.users as u using made as m where u.id = m.id;
select is(pg_temp.ended(), '1 3 4', 'also if the user is deleted');

set local role service_role;
select throws_ok($$ delete from auth.sessions $$, '42501', null, 'nobody does it by hand');

select * from finish();
