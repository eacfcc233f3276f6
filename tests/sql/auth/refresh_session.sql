select plan(36);

set local role service_role;
create temp table made as select auth.make_user('ada@refresh.test', null, 'hash') as id;
create temp table opened (n integer, session uuid);
grant all on made, opened to public;

-- next opens a session, which the others are about.
create function pg_temp.next() returns void language sql as $$
  insert into opened as o (n, session)
  select (select count(*) from opened), auth.open_session(m.id, 'password') from made as m;
$$;
create function pg_temp.session() returns uuid language sql as $$
  select o.session from opened as o order by o.n desc limit 1;
$$;
-- shows gives the number of the token that comes for one, or the error.
create function pg_temp.shows(counter bigint) returns text language sql as $$
  select coalesce(r ->> 'error', r ->> 'counter')
  from auth.refresh_session(pg_temp.session(), shows.counter) as r;
$$;
-- later has so much time go by.
create function pg_temp.later(by interval) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update auth.sessions as s
  set created_at = s.created_at - later.by,
      refreshed_at = s.refreshed_at - later.by,
      tokens_until = s.tokens_until - later.by
  where s.id = pg_temp.session();
$$;
reset role;
create function pg_temp.is_over() returns boolean
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select not exists (select from auth.sessions as s where s.id = pg_temp.session())
    and exists (select from auth.ended_sessions as e where e.session_id = pg_temp.session());
$$;
alter function pg_temp.later(interval) owner to postgres;
alter function pg_temp.is_over() owner to postgres;
set local role service_role;

select pg_temp.next();
select is(pg_temp.shows(0), '1', 'the current token is replaced');
select is(pg_temp.shows(1), '2', 'and the next');
select is(pg_temp.shows(1), '2', 'within the interval its parent gets the current one');
select is(pg_temp.shows(1), '2', 'as often as it comes');
select is(pg_temp.shows(2), '3', 'which is good');
select is(pg_temp.shows(2), '3', 'and is the parent now');
select is(pg_temp.shows(1), 'refresh_token_already_used', 'an older one ends the session');
select ok(pg_temp.is_over(), 'with all its tokens');
select is(pg_temp.shows(3), 'refresh_token_not_found', 'also with the current one');

select pg_temp.next();
select is(pg_temp.shows(0), '1', 'of another session');
select pg_temp.later('11 s');
select is(pg_temp.shows(0), '2', 'after the interval the parent gets another in place of it');
select is(pg_temp.shows(0), '2', 'which it gets again within the next');
select is(pg_temp.shows(2), '3', 'that one is good');
select pg_temp.later('1 min');
select is(pg_temp.shows(3), '4', 'and so on');
select is(pg_temp.shows(0), 'refresh_token_already_used', 'but the first is old by then');

select pg_temp.next();
select is(pg_temp.shows(0), '1', 'of another session');
select pg_temp.later('11 s');
select is(pg_temp.shows(0), '2', 'whose first answer was lost, or stolen');
select is(
  pg_temp.shows(1), 'refresh_token_already_used', 'the one that was replaced ends both branches'
);
select ok(pg_temp.is_over(), 'at once');

select pg_temp.next();
select is(pg_temp.shows(7), 'refresh_token_already_used', 'a number that was not given out yet');
select pg_temp.next();
select is(pg_temp.shows(null), 'refresh_token_already_used', 'and none');
select is(
  auth.refresh_session(gen_random_uuid(), 0), '{"error": "refresh_token_not_found"}', 'no session'
);

select auth.set_setting('refresh_token_reuse_interval', '0');
select pg_temp.next();
select is(pg_temp.shows(0), '1', 'without an interval');
select is(pg_temp.shows(0), '2', 'each who shows the parent gets another');
select auth.set_setting('refresh_token_reuse_interval', null);

select pg_temp.next();
select auth.set_setting('sessions_timebox', '60');
select is(pg_temp.shows(0), '1', 'younger than sessions may be');
select pg_temp.later('61 s');
select is(pg_temp.shows(1), 'session_expired', 'and older');
select ok(pg_temp.is_over(), 'which ends it');
select auth.set_setting('sessions_timebox', null);

select pg_temp.next();
select auth.set_setting('sessions_inactivity_timeout', '60');
select pg_temp.later('59 s');
select is(pg_temp.shows(0), '1', 'used in time');
select pg_temp.later('61 s');
select is(pg_temp.shows(1), 'session_expired', 'unused for too long');
select auth.set_setting('sessions_inactivity_timeout', null);

select pg_temp.next();
reset role;
update auth.sessions as s
set not_after = clock_timestamp() + interval '1 min'
where s.id = pg_temp.session();
set local role service_role;
select is(pg_temp.shows(0), '1', 'before its end');
reset role;
select ok(s.tokens_until <= s.not_after, 'no token is good after it')
from auth.sessions as s
where s.id = pg_temp.session();
update auth.sessions as s
set not_after = clock_timestamp()
where s.id = pg_temp.session();
set local role service_role;
select is(pg_temp.shows(1), 'session_expired', 'and after it');

select pg_temp.next();
reset role;
update auth.users as u
set banned_until = clock_timestamp() + interval '1 h'
from made as m
where u.id = m.id;
set local role service_role;
select is(pg_temp.shows(0), 'user_banned', 'who is banned gets nothing');

reset role;
select is(
  (select count(*) from audit.events as e where e.action = 'refresh_token.reused'), 5::bigint,
  'what may be a theft is an event'
);
set local role authenticated;
select throws_ok(
  $$ select auth.refresh_session(gen_random_uuid(), 0) $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok(
  $$ select auth.refresh_session(gen_random_uuid(), 0) $$, '42501', null, 'nor for others'
);

select * from finish();
