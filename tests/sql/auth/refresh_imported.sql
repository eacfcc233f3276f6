select plan(15);

-- As a dump has them: a chain of three, of which the last is good, for each session.
set local role service_role;
create temp table made as select auth.make_user('ada@imported.test', null, 'hash') as id;
grant select on made to public;
reset role;
insert into auth.sessions (id, user_id, created_at, aal, refresh_token_counter)
select ('00000000-0000-4000-8000-0000000000' || n.n)::uuid, m.id, now() - interval '9 days', 'aal1',
  null
from made as m
cross join generate_series(11, 14) as n (n);
insert into auth.refresh_tokens (id, token, user_id, revoked, parent, session_id)
select n.n * 100 + t.n, 'imported' || n.n || t.name, m.id::text, t.revoked,
  'imported' || n.n || t.parent, ('00000000-0000-4000-8000-0000000000' || n.n)::uuid
from made as m
cross join generate_series(11, 14) as n (n)
cross join (
  values (1, 'a', null, true), (2, 'b', 'a', true), (3, 'c', 'b', false)
) as t (n, name, parent, revoked);
insert into auth.refresh_tokens (id, token, user_id, revoked)
values (9999, 'imported without', null, false);

set local role service_role;
create function pg_temp.shows(token text) returns text language sql as $$
  select coalesce(r ->> 'error', r ->> 'counter')
  from auth.refresh_imported('imported' || shows.token) as r;
$$;
create function pg_temp.refreshes(session integer, counter bigint) returns text language sql as $$
  select coalesce(r ->> 'error', r ->> 'counter')
  from auth.refresh_session(
    ('00000000-0000-4000-8000-0000000000' || refreshes.session)::uuid, refreshes.counter
  ) as r;
$$;
select is(pg_temp.shows('11c'), '1', 'the current one is changed for one of ours');
select is(pg_temp.shows('11c'), '1', 'the same for all who come at once');
select is(pg_temp.shows('11b'), '1', 'also with the one before');
select is(pg_temp.refreshes(11, 1), '2', 'which goes on as ours do');
select is(pg_temp.refreshes(11, 2), '3', 'and on');
select is(pg_temp.shows('11c'), 'refresh_token_already_used', 'then the other is an old one');
select is(pg_temp.refreshes(11, 3), 'refresh_token_not_found', 'whose session ends');

select is(pg_temp.shows('12b'), '1', 'the answer with the current one was lost');
select is(pg_temp.shows('12c'), '1', 'or was not');
select is(pg_temp.shows('13a'), 'refresh_token_already_used', 'an older one may be stolen');
select is(pg_temp.shows('13c'), 'refresh_token_not_found', 'and ends the session');
select is(pg_temp.shows(' without'), 'refresh_token_not_found', 'one without a session');
select is(pg_temp.shows('99x'), 'refresh_token_not_found', 'none');

select auth.update_user(m.id, '{"ban_duration": "1 h"}') from made as m;
select is(pg_temp.shows('14c'), 'refresh_token_not_found', 'none of who was banned since');

reset role;
set local role anon;
select throws_ok(
  $$ select auth.refresh_imported('x') $$, '42501', null, 'a process asks, not a client'
);

select * from finish();
