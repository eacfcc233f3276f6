-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(16);

create table public.keyed (id integer primary key, note text not null);
create table public.bare (note text);
insert into public.keyed values (1, 'a');
insert into public.bare values ('a');

-- As the migrations of Supabase's users say it.
select lives_ok(
  'alter publication supabase_realtime add table public.keyed, public.bare',
  'tables are published by the plain statement'
);
select lives_ok($$ update public.bare set note = 'b' $$, 'one without a key can be changed');
select is(
  (select c.relreplident from pg_class as c where c.oid = 'public.keyed'::regclass), 'd',
  'one with a key is left alone'
);

alter table public.keyed drop constraint keyed_pkey;
select lives_ok($$ update public.keyed set note = 'b' $$, 'one that has lost its key too');

alter table public.keyed replica identity nothing;
select lives_ok($$ update public.keyed set note = 'c' $$, 'and one that was told to have none');

create unique index keyed_note_idx on public.keyed (note);
alter table public.keyed replica identity using index keyed_note_idx;
drop index public.keyed_note_idx;
select lives_ok($$ delete from public.keyed $$, 'and one whose index is dropped');

create table public.whole (id integer) partition by list (id);
alter publication supabase_realtime add table public.whole;
create table public.first_part partition of public.whole for values in (1);
create table public.second_part (id integer);
alter table public.whole attach partition public.second_part for values in (2);
insert into public.whole values (1), (2);
select lives_ok('delete from public.whole', 'partitions, made or attached later');

select throws_ok(
  'alter publication supabase_realtime set table public.keyed (note)',
  '0A000', 'supabase_realtime publishes whole tables, and of public.keyed only a part',
  'a list of columns is refused'
);
select throws_ok(
  $$ alter publication supabase_realtime set table public.keyed where (note <> 'a') $$,
  '0A000', null,
  'a row filter is refused'
);

drop publication supabase_realtime;
create table public.before_all (id integer);
create publication supabase_realtime for all tables;
create table public.after_all (id integer);
insert into public.before_all values (1);
insert into public.after_all values (1);

select lives_ok('delete from public.before_all', 'a publication of all tables');
select lives_ok('delete from public.after_all', 'and a table made after it');

drop publication supabase_realtime;
create schema app;
create publication supabase_realtime for tables in schema app;
create table app.notes (id integer);
create table public.apart (id integer);
insert into app.notes values (1);

select lives_ok('delete from app.notes', 'a publication of a schema');
select is(
  (select c.relreplident from pg_class as c where c.oid = 'public.apart'::regclass), 'd',
  'touches no other'
);

-- Someone whose tables are not published, and who may call nothing of ours.
grant create on schema public to authenticated;
alter event trigger fluxbase_identity disable;
create table app.broken (id integer);
alter event trigger fluxbase_identity enable;
set local role authenticated;

select lives_ok('create table public.mine (id integer)', 'users go on with tables of their own');

reset role;

select is(
  (select c.relreplident from pg_class as c where c.oid = 'app.broken'::regclass), 'd',
  'and mend no tables of others'
);

set local role service_role;

select throws_ok(
  'select realtime.tg_ddl_command_end__keep_identity()',
  '42501', null,
  'nobody calls it'
);

select * from finish();
