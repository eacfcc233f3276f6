-- What the tests of postgres_changes add to an empty database.
create table public.open (id integer primary key, n numeric, body text, tags text[], meta jsonb, at timestamptz);
create table public.notes (id integer primary key, owner_id uuid, body text, secret text);
create table public.docs (id integer primary key, owner_id uuid, body text);
create table public.shared (id integer primary key, room text);
create table public.members (user_id uuid, room text, primary key (user_id, room));
create table public.fragile (id integer primary key, kind text);
create type public.size as enum ('small', 'medium', 'large');
create table public.tasks (
  id integer primary key, title text, done boolean, points numeric, tags text[], span int4range, meta jsonb,
  size public.size, due timestamptz
);
create table public.quiet (id integer primary key);

alter table public.notes enable row level security;
alter table public.docs enable row level security;
alter table public.docs replica identity full;
alter table public.tasks replica identity full;
alter table public.shared enable row level security;
alter table public.members enable row level security;
alter table public.fragile enable row level security;

revoke all on public.notes from anon, authenticated;
grant select (id, owner_id, body) on public.notes to authenticated;

create policy own on public.notes for select to authenticated using (owner_id = (select auth.uid()));
create policy own on public.docs for select to authenticated using (owner_id = (select auth.uid()));
create policy own on public.members for select to authenticated using (user_id = (select auth.uid()));
create policy member on public.shared for select to authenticated
using (exists (select from public.members as m where m.room = shared.room));
create policy cast_claim on public.fragile for select to authenticated
using ((auth.jwt() ->> 'level')::integer > 1);

select realtime.enable(t)
from unnest('{open,notes,docs,shared,fragile,tasks}'::regclass[]) as t;

create function public.fill(n integer) returns void language sql as $$
  insert into public.open (id) select 5000 + i from generate_series(1, n) as i
$$;

create function public.lengthen(row_id integer) returns void language sql as $$
  update public.open as o
  set body = 'x' || (select string_agg(md5(random()::text), '') from generate_series(1, 300))
  where o.id = row_id
$$;

create function public.rename_size() returns void language plpgsql security definer as $$
begin
  alter type public.size rename value 'medium' to 'middle';
end;
$$;
