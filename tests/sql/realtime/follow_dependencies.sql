select plan(6);

create role other;
create table public.notes (id integer primary key, room text);
create table public.members (room text primary key);
create table public.anonymous (room text);
create table public.foreign_one (room text primary key);
alter table public.foreign_one owner to other;
create policy a on public.notes
using (
  room in (select m.room from public.members as m union select a.room from public.anonymous as a)
);
create policy b on public.notes
using (exists (select from public.foreign_one as f where f.room = notes.room));
create policy c on public.notes for insert
with check (exists (select from public.notes as n where n.room = notes.room));

create function pg_temp.followed() returns text
language sql as $$
  select string_agg(p.tablename, ',' order by p.tablename)
  from pg_catalog.pg_publication_tables as p
  where p.pubname = 'fluxbase_system'
  and p.schemaname = 'public'
$$;

select is(pg_temp.followed(), null, 'nothing is followed for tables that nobody hears of');
select realtime.enable('public.notes');
select is(pg_temp.followed(), 'foreign_one,members', 'with the table, what its policies read');
select realtime.enable('public.notes');
select is(pg_temp.followed(), 'foreign_one,members', 'once');
select is(
  (select c.relreplident from pg_catalog.pg_class as c where c.oid = 'public.anonymous'::regclass),
  'd', 'no table gets another identity'
);

alter publication fluxbase_system drop table public.foreign_one, public.members;
alter policy a on public.notes using (room in (select m.room from public.members as m));
select is(pg_temp.followed(), 'foreign_one,members', 'with a policy too');

alter publication fluxbase_system drop table public.foreign_one;
grant fluxbase_admin to other;
set local role fluxbase_admin;
select realtime.follow_dependencies('public.notes');
reset role;
select is(pg_temp.followed(), 'members', 'only what the caller owns');

select * from finish();
