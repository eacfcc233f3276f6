-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(7);

create table public.notes (id integer primary key);
create table public.bare (id integer);
select realtime.enable('public.notes');
select realtime.enable('public.bare');

select realtime.disable('public.bare');

select results_eq(
  $$ select t.tablename::text collate "default"
     from pg_publication_tables as t
     where t.pubname = 'supabase_realtime' $$,
  array['notes'],
  'the other stays'
);
select ok(realtime.has_identity('public.bare'), 'its identity stays');
select lives_ok($$ select realtime.disable('public.bare') $$, 'once more changes nothing');
select lives_ok($$ select realtime.enable('public.bare') $$, 'and it comes back');

create view public.seen as select 1 as id;

select throws_ok(
  $$ select realtime.disable('public.seen') $$,
  '42809', null,
  'a view was never enabled'
);

drop publication supabase_realtime;
create publication supabase_realtime for all tables;

select throws_ok(
  $$ select realtime.disable('public.notes') $$,
  '55000', 'the publication supabase_realtime publishes all tables',
  'from a publication of all tables none can be taken'
);

set local role service_role;

select throws_ok(
  $$ select realtime.disable('public.notes') $$,
  '42501', null,
  'only its owner may'
);

select * from finish();
