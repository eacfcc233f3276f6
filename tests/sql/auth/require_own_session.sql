select plan(4);

set local role service_role;
create temp table made as select auth.make_user('ada@require.test', null, 'hash') as id;
create temp table opened as
  select auth.open_session(m.id, 'password') as own,
    (auth.impersonate(m.id, 'a ticket') ->> 'session_id')::uuid as acting
  from made as m;
grant select on opened to public;
select lives_ok(
  $$ select auth.require_own_session(o.own) from opened as o $$, 'the user''s own is good'
);
select lives_ok(
  $$ select auth.require_own_session(gen_random_uuid()) $$, 'what is over others refuse'
);
select throws_ok(
  $$ select auth.require_own_session(o.acting) from opened as o $$, '42501',
  'who acts in a user''s place cannot do this', 'that of somebody else is not'
);

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.require_own_session(gen_random_uuid()) $$, '42501', null, 'not for users'
);

select * from finish();
