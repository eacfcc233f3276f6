select plan(5);

set local role service_role;
create temp table made as
  select auth.make_user('ada@hold-session.test', null, 'hash', null, true) as ada,
    auth.make_user('bob@hold-session.test', null, 'hash', null, true) as bob;
create temp table opened as
  select auth.open_session(m.ada, 'password') as one, auth.open_session(m.ada, 'password') as two,
    auth.open_session(m.bob, 'password') as bobs
  from made as m;
grant select on made, opened to public;
reset role;
select is((auth.hold_session(o.one)).user_id, m.ada, 'the session') from opened as o, made as m;
select ok(
  exists (
    select
    from pg_locks as l
    where l.relation = 'auth.users'::regclass
    and l.mode = 'RowShareLock'
    and l.pid = pg_backend_pid()
  ),
  'whose user is locked'
);
select is((auth.hold_session(gen_random_uuid())).id, null, 'none, for none');
update auth.users as u set deleted_at = now() from made as m where u.id = m.ada;
select is((auth.hold_session(o.one)).id, null, 'none of one who was deleted') from opened as o;
set local role service_role;
select throws_ok($$ select auth.hold_session(null) $$, '42501', null, 'for functions of ours');

select * from finish();
