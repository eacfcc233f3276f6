-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);
select plan(22);

create table public.notes (
  id integer, org bigint, room text, owner_id uuid, kind varchar(9), at timestamptz
);
create table public.members (user_id uuid, room text, org integer, primary key (user_id, room));
create table public.unheard (id integer primary key);
create table public.guarded (id integer primary key);
alter table public.guarded enable row level security;
create function public.is_member() returns boolean language sql immutable return true;
alter publication fluxbase_system add table public.members, public.guarded;

create function pg_temp.dependencies(condition text) returns text
language plpgsql as $$
declare
  v_all jsonb;
begin
  execute format('create policy p on public.notes using (%s)', condition);
  select realtime.dependencies(realtime.parse_node(p.polqual::text), p.polrelid, 'anon'::regrole)
  into v_all
  from pg_catalog.pg_policy as p
  where p.polrelid = 'public.notes'::regclass;
  drop policy p on public.notes;
  return (
    select coalesce(string_agg(
      concat_ws(' ', (d ->> 'oid')::oid::regclass, d ->> 'key', d ->> 'of', 'of ' || (d ->> 'who')),
      ',' order by d
    ), '')
    from jsonb_array_elements(v_all) as d
    where v_all is not null
  ) || case when v_all is null then 'none' else '' end;
end;
$$;

select is(pg_temp.dependencies(t.condition), t.wants, t.condition)
from (
  values
    ('id > 1 and kind in (''a'', ''b'')', ''),
    ('owner_id = auth.uid() or current_user = ''a'' or (auth.jwt() ->> ''a'')::integer > id', ''),
    ('exists (select from public.members as m
      where m.room = notes.room and m.user_id = auth.uid())',
     'members room room of user_id'),
    ('exists (select from public.members as m where notes.room = m.room)', 'members room room'),
    ('room in (select m.room from public.members as m where m.user_id = (select auth.uid()))',
     'members room room of user_id'),
    ('not exists (select from public.members as m where m.org = notes.org)', 'members org org'),
    ('exists (select from public.members as m where m.room = notes.kind)', 'members room kind'),
    ('exists (select from public.members as m where m.room = notes.room or m.user_id = auth.uid())',
     'members'),
    ('exists (select from public.members as m where lower(m.room) = notes.room)', 'members'),
    ('exists (select from public.members as m join public.members as n on n.org = m.org
      where m.room = notes.room)', 'members'),
    ('exists (select from public.members as m where m.user_id = auth.uid())', 'members of user_id'),
    ('exists (select from public.members as m where m.room = notes.room)
      and exists (select from public.members as m where m.org = notes.org)', 'members'),
    ('(select count(*) from public.members as m where m.room = notes.room) > 1', 'none'),
    ('exists (select from public.unheard as u where u.id = notes.id)', 'none'),
    ('exists (select from public.guarded as g where g.id = notes.id)', 'none'),
    ('exists (select from public.notes as n where n.id = notes.id)', 'none'),
    ('public.is_member()', 'none'),
    ('at < now()', 'none'),
    ('session_user = ''a''', 'none'),
    ('notes is not null', 'none'),
    ('id > random()', 'none'),
    ('current_setting(''a.b'') = room', 'none')
) as t (condition, wants);

select * from finish();
