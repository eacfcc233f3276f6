-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(12);

create function pg_temp.renew(timeline bigint, confirmed pg_lsn, lease interval default '5 s')
  returns boolean
  language sql
as $$
  select r.announces_ddl
  from fluxbase.renew(
    '00000000-0000-0000-0000-000000000001', 'one', renew.timeline, renew.confirmed, renew.lease
  ) as r
$$;

set local role fluxbase_replication;

select lives_ok($$ select pg_temp.renew(1, '0/20') $$, 'a lease begins');
select throws_ok($$ select from fluxbase.proxies $$, '42501', null, 'its table stays closed');

reset role;

select row_eq(
  $$ select p.name, p.timeline, p.confirmed_lsn, p.live_until > clock_timestamp() + interval '4 s'
     from fluxbase.proxies as p $$,
  row('one'::text, 1::bigint, '0/20'::pg_lsn, true),
  'it says what was confirmed, and how long it holds'
);

select pg_temp.renew(1, '0/10', '1 s');

select row_eq(
  $$ select p.confirmed_lsn, p.live_until > clock_timestamp() + interval '4 s'
     from fluxbase.proxies as p $$,
  row('0/20'::pg_lsn, true),
  'a call that was overtaken takes nothing back'
);

select pg_temp.renew(2, '0/10');

select is(
  (select p.confirmed_lsn from fluxbase.proxies as p),
  '0/10'::pg_lsn,
  'on another timeline, places begin anew'
);

update fluxbase.proxies as p
set id = gen_random_uuid(),
    live_until = clock_timestamp() - interval '59 minutes';
select pg_temp.renew(1, '0/10');

select is(
  (select count(*)::integer from fluxbase.proxies as p), 2,
  'a lease that has ended can still be seen'
);

update fluxbase.proxies as p
set live_until = clock_timestamp() - interval '61 minutes'
where p.name = 'one'
and p.live_until < clock_timestamp();
select pg_temp.renew(1, '0/10');

select is(
  (select count(*)::integer from fluxbase.proxies as p), 1,
  'for an hour'
);

select ok(pg_temp.renew(1, '0/10'), 'changes of the schema are announced');

alter event trigger fluxbase_drop disable;

select ok(not pg_temp.renew(1, '0/10'), 'unless an event trigger is off');

create temp table before as
select r.unannounced
from fluxbase.renew(gen_random_uuid(), 'two', 1, '0/1', '1 s') as r;

select is(
  (select r.unannounced from fluxbase.renew(gen_random_uuid(), 'three', 1, '0/1', '1 s') as r),
  (select b.unannounced from before as b),
  'nothing has changed'
);

alter role anon set statement_timeout = '17 s';

select isnt(
  (select r.unannounced from fluxbase.renew(gen_random_uuid(), 'three', 1, '0/1', '1 s') as r),
  (select b.unannounced from before as b),
  'a setting of a role has'
);

set local role service_role;

select throws_ok(
  $$ select fluxbase.renew(gen_random_uuid(), 'x', 1, '0/1', '1 s') $$,
  '42501', null,
  'only who follows the stream confirms'
);

select * from finish();
