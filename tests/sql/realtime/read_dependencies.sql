select plan(12);

create table public.rd_members (user_id uuid, room integer, primary key (user_id, room));
create table public.rd_notes (id integer primary key, owner_id uuid, room integer, body text);
create table public.rd_open (id integer primary key, at timestamptz);
create table public.rd_alone (id integer primary key);
alter table public.rd_notes enable row level security;
create policy own on public.rd_notes for select using (owner_id = (select auth.uid()));
create policy room on public.rd_notes for select using (
  exists (
    select
    from public.rd_members as m
    where m.room = rd_notes.room
    and m.user_id = (select auth.uid())
  )
);
alter publication supabase_realtime add table public.rd_notes, public.rd_open, public.rd_members;
create view public.rd_titles as select n.id, upper(n.body) as title from public.rd_notes as n;
create view public.rd_mine with (security_invoker = true) as
select n.id, o.at from public.rd_notes as n join public.rd_open as o on o.id = n.id;
create view public.rd_today as select o.id from public.rd_open as o where o.at > now();
create view public.rd_random as select o.id, random() as r from public.rd_open as o;

create function pg_temp.reads(names text, role text) returns jsonb language sql as $$
  select realtime.read_dependencies(array(
    select to_regclass('public.rd_' || n)::oid
    from unnest(string_to_array(names, ' ')) as n
  ), role)
$$;

select is(pg_temp.reads('open', 'anon'), '[["public", "rd_open"]]', 'a table');
select is(
  pg_temp.reads('notes', 'anon'), '[["public", "rd_members"], ["public", "rd_notes"]]',
  'what its policies read'
);
select is(pg_temp.reads('notes', 'service_role'), '[["public", "rd_notes"]]', 'who passes them');
select is(pg_temp.reads('titles', 'anon'), '[["public", "rd_notes"]]', 'a view of its owner');
select is(
  pg_temp.reads('mine', 'anon'),
  '[["public", "rd_members"], ["public", "rd_notes"], ["public", "rd_open"]]',
  'a view of who asks'
);
select is(
  pg_temp.reads('open titles', 'anon'), '[["public", "rd_notes"], ["public", "rd_open"]]', 'several'
);
select is(pg_temp.reads('today', 'anon'), null, 'time decides');
select is(pg_temp.reads('random', 'anon'), null, 'chance decides');
select is(pg_temp.reads('alone', 'anon'), null, 'changes are not told');

create policy late on public.rd_notes for select using (now() > '2024-01-01');
select is(pg_temp.reads('notes', 'anon'), null, 'time decides in a policy');

alter publication supabase_realtime drop table public.rd_open;
select is(pg_temp.reads('open', 'anon'), null, 'changes are not told any more');

set local role authenticated;
select throws_ok(
  $$ select realtime.read_dependencies('{}', 'anon') $$, '42501', null, 'not for users'
);

select * from finish();
