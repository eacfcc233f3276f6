-- What the tests of presence add to those of realtime.
create policy present on realtime.messages for insert to authenticated
with check (
  extension = 'presence'
  and exists (
    select
    from public.members as m
    where m.user_id = (select auth.uid())
    and m.room = (select realtime.topic())
    and m.may_write
  )
);

insert into public.members (user_id, room, may_write)
values
  ('00000000-0000-4000-8000-00000000ada0', 'lab2', true),
  ('00000000-0000-4000-8000-00000000b0b0', 'lab2', false);
