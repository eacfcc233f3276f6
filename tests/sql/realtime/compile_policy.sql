select plan(14);

create table public.notes (id integer primary key, owner_id uuid, tags text[], at timestamptz);
alter table public.notes enable row level security;
revoke all on public.notes from anon, authenticated, service_role;
grant select (id, owner_id, tags) on public.notes to authenticated;
grant select on public.notes to service_role;

create function pg_temp.plan(role text default 'authenticated') returns jsonb
language sql as $$ select realtime.compile_policy('public.notes'::regclass, role) $$;

select is(
  pg_temp.plan() -> 'condition', '{"text": "f"}', 'a table that is not enabled shows nothing'
);
select realtime.enable('public.notes');
select is(
  jsonb_path_query_array(pg_temp.plan(), '$.columns[*].granted'), '[true, true, true, false]',
  'the columns with their grants'
);
select is(
  jsonb_path_query_array(pg_temp.plan(), '$.columns[*].form'),
  '["number", "text", null, "timestamp"]',
  'how they become JSON, but for a list'
);
select is(pg_temp.plan() -> 'condition', '{"text": "f"}', 'without a policy nothing is seen');

create policy own on public.notes to authenticated using (owner_id = auth.uid());
create policy one on public.notes to authenticated using (id = 1);
create policy not_two on public.notes as restrictive using (id <> 2);
create policy write on public.notes for insert with check (id = 7);
create policy of_others on public.notes to anon using (true);
select is(
  jsonb_strip_nulls(pg_temp.plan() - 'columns'),
  '{"reads": ["id", "owner_id"], "condition": {"and": [
     {"or": [{"equal": [{"column": "id"}, {"text": "1"}]},
             {"equal": [{"column": "owner_id"}, {"claim": ["sub"], "type": "uuid"}]}]},
     {"not": {"equal": [{"column": "id"}, {"text": "2"}]}}]}}',
  'one of the permissive, all of the restrictive, of the role and for reading'
);
select is(
  pg_temp.plan('anon') -> 'condition' #> '{and,0}', '{"or": [{"text": "t"}]}',
  'each role has its own'
);
drop policy of_others on public.notes;
select is(
  pg_temp.plan('anon') -> 'condition', '{"text": "f"}', 'restrictive ones alone let nothing through'
);
create policy later on public.notes using (at < now());
select is(pg_temp.plan() -> 'condition', 'null', 'what Postgres must be asked for');
drop policy later on public.notes;

create role reader;
grant authenticated to reader;
select is(
  pg_temp.plan('reader') -> 'condition', pg_temp.plan() -> 'condition',
  'who has a role has its policies'
);
alter role reader noinherit;
create role writer noinherit;
grant authenticated to writer;
select is(
  pg_temp.plan('writer') -> 'condition', '{"text": "f"}', 'unless it must be set first'
);

alter table public.notes owner to reader;
alter role reader inherit;
select is(pg_temp.plan('reader') -> 'condition', '{"text": "t"}', 'the owner sees all');
alter table public.notes force row level security;
select isnt(pg_temp.plan('reader') -> 'condition', '{"text": "t"}', 'unless it is forced');
create role passing bypassrls;
select is(pg_temp.plan('passing') -> 'condition', '{"text": "t"}', 'who passes policies sees all');

select throws_ok(
  $$ select pg_temp.plan('no such role') $$, 'P0002', null, 'there must be such a role'
);

select * from finish();
