select plan(3);

create table public.notes (id integer primary key, room text);
create table public.members (room text primary key);
select realtime.enable('public.notes');
create policy a on public.notes using (room in (select m.room from public.members as m));
select is(realtime.is_followed('public.members'::regclass), true, 'a new policy');

alter publication fluxbase_system drop table public.members;
create role owning;
grant create on schema public to owning;
alter table public.notes owner to owning;
set local role owning;
alter policy a on public.notes using (true);
select lives_ok(
  $$ alter policy a on public.notes using (room in (select 'a' from pg_catalog.pg_class)) $$,
  'who may not change the publication can change policies'
);
reset role;
create table public.quiet (id integer primary key, room text);
create policy a on public.quiet using (room in (select m.room from public.members as m));
select is(
  realtime.is_followed('public.members'::regclass), false, 'tables that are not enabled need none'
);

select * from finish();
