select plan(4);

create table public.posts (id integer, body text);

create function public.tell() returns trigger language plpgsql as $$
begin
  perform realtime.broadcast_changes(
    'room', 'changed', TG_OP, TG_TABLE_NAME, 'public', NEW, OLD,
    case TG_OP when 'DELETE' then 'STATEMENT' else 'ROW' end
  );
  return null;
end;
$$;

create trigger each after insert or update on public.posts
for each row execute function public.tell();

insert into public.posts values (1, 'a');
select results_eq(
  $$ select m.topic, m.event, m.private, m.payload from realtime.messages as m $$,
  $$ values ('room', 'changed', true, '{
    "schema": "public", "table": "posts", "operation": "INSERT",
    "record": {"id": 1, "body": "a"}, "old_record": null
  }'::jsonb) $$,
  'an insert has a new row'
);

update public.posts set body = 'b';
select is(
  (
    select m.payload -> 'old_record'
    from realtime.messages as m
    where m.payload ->> 'operation' = 'UPDATE'
  ),
  '{"id": 1, "body": "a"}',
  'an update has the old one too'
);

create trigger all_rows after delete on public.posts
for each statement execute function public.tell();
select throws_ok(
  $$ delete from public.posts $$,
  '0A000', null,
  'a statement has no row'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.broadcast_changes('room', 'e', 'INSERT', 't', 's', row(1), row(1)) $$,
  '42501', null,
  'the caller needs the right to send'
);

select * from finish();
