-- What the tests of realtime add to an empty database: rooms with members.
create table public.members (
  user_id uuid not null,
  room text not null,
  may_write boolean not null,
  primary key (user_id, room)
);

alter table public.members enable row level security;

create policy own on public.members for select to authenticated
using (user_id = (select auth.uid()));

create policy listen on realtime.messages for select to authenticated
using (
  exists (
    select
    from public.members as m
    where m.user_id = (select auth.uid())
    and m.room = (select realtime.topic())
  )
);

create policy write on realtime.messages for insert to authenticated
with check (
  extension = 'broadcast'
  and exists (
    select
    from public.members as m
    where m.user_id = (select auth.uid())
    and m.room = (select realtime.topic())
    and m.may_write
  )
);

-- A policy that fails for this one room.
create policy broken on realtime.messages for select to authenticated
using (case when realtime.topic() = 'broken' then 1 / (length(topic) - 6) = 1 else false end);

insert into public.members (user_id, room, may_write)
values
  ('00000000-0000-4000-8000-00000000ada0', 'lab', true),
  ('00000000-0000-4000-8000-00000000b0b0', 'lab', false);

-- Sends two messages, the second of which may undo all.
create function public.say(room text, words text, fail boolean default false, secret boolean default true)
returns void language plpgsql as $$
begin
  perform realtime.send(jsonb_build_object('words', say.words), 'said', say.room, say.secret);
  if say.fail then
    raise exception 'changed my mind';
  end if;
  perform realtime.send(jsonb_build_object('words', say.words || '!'), 'said', say.room, say.secret);
end;
$$;

create table public.posts (id integer primary key, body text);

create function public.tell_of_posts() returns trigger language plpgsql security definer as $$
begin
  perform realtime.broadcast_changes(
    'lab', TG_OP, TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, NEW, OLD
  );
  return null;
end;
$$;

create trigger tell after insert or update or delete on public.posts
for each row execute function public.tell_of_posts();
