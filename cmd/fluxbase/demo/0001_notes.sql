-- A notebook belongs to a user and holds notes. A note is seen by its owner, or by
-- everyone once it is public; whoever sees a note may comment on it when signed in.
create table public.notebooks (
  id bigint primary key generated always as identity,
  owner_id uuid not null default auth.uid(),
  title text not null,
  created_at timestamptz not null default now(),
  constraint title_has_1_to_200_characters check (length(title) between 1 and 200)
);

comment on table public.notebooks is
  'Where a user keeps notes. Only the owner sees it.';

create index notebooks_owner_id_idx on public.notebooks (owner_id);

create table public.notes (
  id bigint primary key generated always as identity,
  owner_id uuid not null default auth.uid(),
  notebook_id bigint references public.notebooks (id) on delete set null,
  title text not null,
  body text not null default '',
  is_public boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint title_has_1_to_200_characters check (length(title) between 1 and 200)
);

comment on table public.notes is
  'Notes. The owner sees and changes them; a public one is read by everyone.';
comment on column public.notes.owner_id is
  'The user who wrote it; who is signed in, unless a trusted server says otherwise.';

create index notes_owner_id_idx on public.notes (owner_id);
create index notes_notebook_id_idx on public.notes (notebook_id);

create table public.comments (
  id bigint primary key generated always as identity,
  note_id bigint not null references public.notes (id) on delete cascade,
  author_id uuid not null default auth.uid(),
  body text not null,
  created_at timestamptz not null default now(),
  constraint body_has_1_to_2000_characters check (length(body) between 1 and 2000)
);

comment on table public.comments is
  'What users say about a note. Seen by whoever sees the note, removed by its author.';

create index comments_note_id_idx on public.comments (note_id);
create index comments_author_id_idx on public.comments (author_id);

-- A grant says which statements a role may try, row level security says on which rows.
alter table public.notebooks enable row level security;
alter table public.notes enable row level security;
alter table public.comments enable row level security;

grant select on public.notes, public.comments to anon;
grant select, insert, update, delete
  on public.notebooks, public.notes, public.comments
  to authenticated, service_role;

-- The select around auth.uid() makes Postgres ask once a statement, not once a row.
create policy owner_does_everything on public.notebooks
  to authenticated
  using (owner_id = (select auth.uid()))
  with check (owner_id = (select auth.uid()));

create policy everyone_reads_public on public.notes
  for select
  to anon, authenticated
  using (is_public);

-- The notebook must be one that the user sees: policies hold inside of policies.
create policy owner_does_everything on public.notes
  to authenticated
  using (owner_id = (select auth.uid()))
  with check (
    owner_id = (select auth.uid())
    and (notebook_id is null or exists (
      select
      from public.notebooks as b
      where b.id = notes.notebook_id
    ))
  );

create policy reader_of_note_reads on public.comments
  for select
  to anon, authenticated
  using (exists (
    select
    from public.notes as n
    where n.id = comments.note_id
  ));

create policy reader_of_note_writes on public.comments
  for insert
  to authenticated
  with check (
    author_id = (select auth.uid())
    and exists (
      select
      from public.notes as n
      where n.id = comments.note_id
    )
  );

create policy author_deletes on public.comments
  for delete
  to authenticated
  using (author_id = (select auth.uid()));

-- Trusted servers see past all of this with BYPASSRLS; where service_role could not be
-- given that (before Postgres 16 only a superuser can), a policy says the same.
create policy service_does_everything on public.notebooks to service_role using (true);
create policy service_does_everything on public.notes to service_role using (true);
create policy service_does_everything on public.comments to service_role using (true);

create function public.tg_notes__set_updated_at()
  returns trigger
  language plpgsql
  volatile
as $$
begin
  NEW.updated_at := now();
  return NEW;
end;
$$;

comment on function public.tg_notes__set_updated_at() is
  'Keeps notes.updated_at.';

create trigger set_updated_at
  before update on public.notes
  for each row execute function public.tg_notes__set_updated_at();

create function public.search_notes(query text)
  returns setof public.notes
  language sql
  stable
  parallel safe
as $$
  select
    n.id,
    n.owner_id,
    n.notebook_id,
    n.title,
    n.body,
    n.is_public,
    n.created_at,
    n.updated_at
  from public.notes as n
  where to_tsvector('simple', n.title || ' ' || n.body) @@ plainto_tsquery('simple', query);
$$;

comment on function public.search_notes(text) is
  'The notes that hold every word of query, among those that the caller sees.';

create function public.publish_note(note_id bigint)
  returns public.notes
  language plpgsql
  volatile
as $$
declare
  v_note public.notes;
begin
  update public.notes as n
  set is_public = true
  where n.id = publish_note.note_id
  returning n.* into v_note;

  -- Someone else's note is not found either: the update sees only what it may change.
  -- PT and a status is how a function chooses the status of the answer.
  if not found then
    raise exception using
      errcode = 'PT404',
      message = 'there is no such note of yours';
  end if;

  return v_note;
end;
$$;

comment on function public.publish_note(bigint) is
  'Makes a note of the caller public and returns it. Raises PT404 when there is none.';

---- create above / drop below ----

drop function public.publish_note(bigint);
drop function public.search_notes(text);
drop table public.comments;
drop table public.notes;
drop function public.tg_notes__set_updated_at();
drop table public.notebooks;
