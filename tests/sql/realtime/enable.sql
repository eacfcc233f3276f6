-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(18);

create table public.keyed (id integer primary key, note text);
create table public.bare (note text);
insert into public.bare values ('a');

create view public.published as
select t.tablename::text as name
from pg_publication_tables as t
where t.pubname = 'supabase_realtime';

create function public.identity_of(rel regclass)
  returns "char"
  language sql
return (select c.relreplident from pg_class as c where c.oid = rel);

select throws_ok(
  $$ select realtime.enable('public.bare', 'keep') $$,
  '55000', 'public.bare has no primary key',
  'a table without identity can be refused'
);
select throws_ok(
  $$ select realtime.enable('public.bare', 'none') $$,
  '22023', null,
  'an identity that there is not'
);
select throws_ok(
  $$ select realtime.enable('public.bare', null) $$,
  '22023', null,
  'nor is null one'
);
select is_empty('table public.published', 'nothing was published');

select realtime.enable('public.keyed');
select realtime.enable('public.bare');

select set_eq('table public.published', array['keyed', 'bare'], 'both are published');
select is(public.identity_of('public.keyed'), 'd', 'what had an identity keeps it');
select is(public.identity_of('public.bare'), 'f', 'what had none has the full one');
select lives_ok($$ update public.bare set note = 'b' $$, 'its rows can be changed');
select lives_ok($$ delete from public.bare $$, 'and deleted');

select realtime.enable('public.bare', 'keep');
select realtime.enable('public.keyed', 'keep');
select is(public.identity_of('public.keyed'), 'd', 'to enable again changes nothing');

select realtime.enable('public.keyed', 'full');
select is(public.identity_of('public.keyed'), 'f', 'but the full identity can be asked for');

create table public.whole (id integer) partition by range (id);
create table public.part partition of public.whole for values from (0) to (10);
insert into public.whole values (1);
select realtime.enable('public.whole');

select set_has('table public.published', $$ values ('whole') $$, 'a partitioned table is one');
select lives_ok($$ update public.whole set id = 2 $$, 'rows of its partitions can be changed');

create table public."od'd na""me" (id integer);
select lives_ok($$ select realtime.enable('public."od''d na""me"') $$, 'any name will do');

alter event trigger fluxbase_identity disable;
alter publication supabase_realtime drop table public.keyed;
alter publication supabase_realtime add table public.keyed (id);

select throws_ok(
  $$ select realtime.enable('public.keyed') $$,
  '55000', 'of public.keyed only some rows or columns are published',
  'a table that is published in part is left to who did it'
);
alter event trigger fluxbase_identity enable;

drop publication supabase_realtime;
create publication supabase_realtime for all tables;
create table public.later (id integer);
select realtime.enable('public.later');

select lives_ok($$ update public.later set id = 1 $$, 'where all are published, so is one');

set local role authenticated;

select throws_ok(
  $$ select realtime.enable('public.keyed') $$,
  '42501', null,
  'a user may not'
);

set local role service_role;

select throws_ok(
  $$ select realtime.enable('public.keyed') $$,
  '42501', null,
  'nor may the service role, which owns no table'
);

select * from finish();
