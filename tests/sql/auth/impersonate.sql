select plan(17);

select set_config('request.jwt.claims', '{"role":"service_role","service_key":"boss"}', true);
set local role service_role;
select auth.set_setting('sessions_single_per_user', 'true');
create temp table made as select auth.make_user('ada@act.test', null, 'hash') as id;
create temp table opened as
  select auth.open_session(m.id, 'password') as own, auth.impersonate(m.id, 'ticket 7') as acting
  from made as m;
grant select on made, opened to public;

select is(o.acting #> '{claims,act}', '{"sub": "key:boss"}', 'its tokens say who it is')
from opened as o;
select is(o.acting #>> '{claims,sub}', m.id::text, 'in whose place') from made as m, opened as o;
select is(o.acting #>> '{claims,aal}', 'aal1', 'by one factor') from opened as o;
select is(o.acting #>> '{claims,amr,0,method}', 'impersonation', 'and how') from opened as o;
select cmp_ok(
  (o.acting #>> '{claims,exp}')::bigint - (o.acting #>> '{claims,iat}')::bigint, '<=', 901::bigint,
  'for a quarter of an hour'
)
from opened as o;
select cmp_ok(
  (auth.refresh_session((o.acting ->> 'session_id')::uuid, 0) #>> '{claims,exp}')::bigint,
  '<=', (o.acting #>> '{claims,exp}')::bigint + 1, 'a refresh makes it no longer'
)
from opened as o;
select is(
  auth.list_sessions(m.id) #>> '{0,impersonator}', 'key:boss', 'the user sees it in the list'
)
from made as m;
select is(jsonb_array_length(auth.list_sessions(m.id)), 2, 'beside their own') from made as m;
reset role;
select results_eq(
  $$
    select e.actor, e.details ->> 'reason', e.details ->> 'session' = o.acting ->> 'session_id'
    from opened as o, audit.events as e
    join made as m on m.id::text = e.target
    where e.action = 'user.impersonated'
  $$,
  $$ values ('key:boss', 'ticket 7', true) $$,
  'and that it was, and why, is an event'
);
update auth.sessions as s
set not_after = clock_timestamp()
where s.impersonator is not null;
set local role service_role;
select is(
  auth.refresh_session((o.acting ->> 'session_id')::uuid, 1) ->> 'error', 'session_expired',
  'after its end it is over'
)
from opened as o;

create function pg_temp.refused(reason text, duration interval default '1 min') returns text
language sql as $$
  select auth.impersonate(m.id, refused.reason, refused.duration) ->> 'error' from made as m;
$$;
select is(pg_temp.refused(' '), 'validation_failed', 'not without a reason');
select is(pg_temp.refused(null), 'validation_failed', 'nor with none');
select is(pg_temp.refused('x', '61 min'), 'validation_failed', 'nor for long');
select is(pg_temp.refused('x', '-1 min'), 'validation_failed', 'nor for less than nothing');
select is(
  auth.impersonate(gen_random_uuid(), 'x'), '{"error": "user_not_found"}', 'nor nobody'
);
select auth.update_user(m.id, '{"ban_duration": "1 h"}') from made as m;
select is(pg_temp.refused('x'), 'user_banned', 'nor who is banned');

reset role;
set local role authenticated;
select throws_ok(
  $$ select auth.impersonate(gen_random_uuid(), 'x') $$, '42501', null, 'not for users'
);

select * from finish();
