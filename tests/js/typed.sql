-- A wide schema for the typed client: a library of related tables, and a hundred
-- tables of fifty columns that typed.d.ts describes by one mapped type.
create table public.authors (
  id integer primary key,
  name text not null,
  born date
);

create table public.profiles (
  author_id integer primary key constraint profiles_author_id_fkey references public.authors (id),
  bio text not null
);

create table public.books (
  id integer primary key,
  title text not null,
  pages integer not null,
  author_id integer not null constraint books_author_id_fkey references public.authors (id),
  editor_id integer constraint books_editor_id_fkey references public.authors (id),
  tags text[] not null default '{}',
  data jsonb
);

create table public.shelves (
  id integer primary key,
  room text not null
);

create table public.shelf_books (
  shelf_id integer constraint shelf_books_shelf_id_fkey references public.shelves (id),
  book_id integer constraint shelf_books_book_id_fkey references public.books (id),
  primary key (shelf_id, book_id)
);

create function public.books_by(author integer) returns setof public.books language sql stable
  as 'select * from public.books where author_id = author';

create function public.add_up(a integer, b integer default 10) returns integer language sql immutable
  as 'select a + b';

-- 503 until the client has tried twice more.
create function public.third_time() returns text language plpgsql stable as $$
begin
  if coalesce(current_setting('request.headers')::json ->> 'x-retry-count', '0') <> '2' then
    raise exception 'not yet' using errcode = 'PT503';
  end if;
  return 'here';
end $$;

do $$
declare
  columns text := (select string_agg(format('c%s integer not null default %s', lpad(n::text, 2, '0'), n), ', ') from generate_series(0, 49) as n);
begin
  for n in 0 .. 99 loop
    execute format('create table public.t%s (id integer primary key, %s)', lpad(n::text, 2, '0'), columns);
    execute format('insert into public.t%s (id) values (%s)', lpad(n::text, 2, '0'), n);
  end loop;
end $$;

insert into public.authors (id, name, born) values (1, 'Ada', '1815-12-10'), (2, 'Bob', null);
insert into public.profiles (author_id, bio) values (1, 'wrote the first program');
insert into public.books (id, title, pages, author_id, editor_id, tags, data) values
  (1, 'Notes', 66, 1, 2, '{machines,maths}', '{"lang": "en", "sizes": [1, 2]}'),
  (2, 'Letters', 300, 1, null, '{}', null),
  (3, 'Tomatoes', 120, 2, 1, '{plants}', '{"lang": "de"}');
insert into public.shelves (id, room) values (1, 'study'), (2, 'kitchen');
insert into public.shelf_books (shelf_id, book_id) values (1, 1), (1, 2), (2, 3), (2, 1);

grant all on all tables in schema public to service_role;
grant select on all tables in schema public to anon;
