-- Beside the demo: tags (many to many), one column of each kind that a filter treats
-- in its own way, and a table of rows for the attacks.
create table public.tags (
  id bigint primary key generated always as identity,
  name text not null unique
);

create table public.note_tags (
  note_id bigint not null references public.notes (id) on delete cascade,
  tag_id bigint not null references public.tags (id) on delete cascade,
  primary key (note_id, tag_id)
);

create index note_tags_tag_id_idx on public.note_tags (tag_id);

create table public.kinds (
  id integer primary key,
  words text[] not null,
  data jsonb not null,
  span int4range not null,
  amount numeric,
  big bigint not null,
  is_on boolean
);

create table public.echo (
  id integer primary key,
  value text not null
);

alter table public.tags enable row level security;
alter table public.note_tags enable row level security;
alter table public.kinds enable row level security;
alter table public.echo enable row level security;

-- New tables are open to the API roles; this takes writing from all but the service.
revoke insert, update, delete
  on public.tags, public.note_tags, public.kinds, public.echo
  from anon, authenticated;

create policy everyone_reads on public.tags for select using (true);
create policy everyone_reads on public.note_tags for select using (true);
create policy everyone_reads on public.kinds for select using (true);
create policy everyone_reads on public.echo for select using (true);

insert into public.tags (name)
values ('plants'), ('machines'), ('unused');

insert into public.note_tags (note_id, tag_id)
select n.id, t.id
from public.notes as n
join public.tags as t on (n.title, t.name) in (('Loops', 'machines'), ('Tomatoes', 'plants'), ('Tomatoes', 'machines'));

insert into public.kinds (id, words, data, span, amount, big, is_on)
values
  (1, '{a,b}', '{"color": "red", "n": 1}', '[1,5)', 1.50, 9007199254740993, true),
  (2, '{b,c}', '{"color": "blue", "n": 2}', '[5,9)', 2.25, 2, false),
  (3, '{}', '{"deep": {"list": [1, 2, 3]}}', '[20,30)', null, 3, null);

create function public.same_text(value text)
  returns text
  language sql
  immutable
  parallel safe
return value;

create function public.add_up(a integer, b integer default 10)
  returns integer
  language sql
  immutable
  parallel safe
return a + b;

create function public.do_nothing()
  returns void
  language sql
  volatile
begin atomic
end;

create function public.refuse()
  returns void
  language plpgsql
  volatile
as $$
begin
  raise sqlstate 'PT418' using message = 'a teapot', detail = 'short', hint = 'and stout';
end;
$$;
