select plan(15);

create table public.notes (id integer primary key, owner_id uuid, body text, secret text);
alter table public.notes enable row level security;
select realtime.enable('public.notes');
create table public.members (user_id uuid, note_id integer);
insert into public.members values ('00000000-0000-4000-8000-00000000b0b0', 2);
revoke all on public.notes, public.members from anon, authenticated;
grant select (id, owner_id, body) on public.notes to authenticated;
grant select on public.members to authenticated;

create policy own on public.notes for select to authenticated
using (owner_id = auth.uid());
create policy shared on public.notes to authenticated
using (
  exists (
    select
    from public.members as m
    where m.note_id = notes.id
    and m.user_id = auth.uid()
  )
);

-- What a role with a sub may see of two rows that are not in the table.
create function pg_temp.see(
  columns text[] default array['id', 'owner_id', 'body', 'secret'],
  roles text[] default array['authenticated'],
  subs text[] default array['00000000-0000-4000-8000-00000000ada0'],
  name text default 'public.notes'
) returns jsonb
language plpgsql as $$
declare
  v_answers text;
begin
  select s.answers into v_answers
  from realtime.see(
    name::regclass, columns,
    array[23, 2950, 25, 25]::oid[],
    '[[1, "00000000-0000-4000-8000-00000000ada0", "a", "x"],
      [2, "00000000-0000-4000-8000-00000000cccc", "b", "y"]]',
    roles,
    array(select jsonb_build_object('sub', s) from unnest(subs) as s)::text[]
  ) as s;
  perform set_config('role', 'none', true);
  return v_answers;
end;
$$;

create function pg_temp.bodies(answer jsonb) returns text
language sql as $$
  select string_agg(r.value -> 1 ->> 'body', '' order by r.value -> 0)
  from jsonb_array_elements(answer -> 'rows') as r
$$;

select is(
  pg_temp.see() -> 0,
  '{"columns": [
      {"name": "id", "type": "int4"}, {"name": "owner_id", "type": "uuid"},
      {"name": "body", "type": "text"}
    ],
    "rows": [[1, {"id": 1, "owner_id": "00000000-0000-4000-8000-00000000ada0", "body": "a"}]]}',
  'a row as it was changed, without the column that is not granted'
);
select is(
  pg_temp.bodies(pg_temp.see(
    subs => array['00000000-0000-4000-8000-00000000b0b0']
  ) -> 0),
  'b', 'a policy reads another table'
);
select is(
  (
    select string_agg(coalesce(pg_temp.bodies(a.value), '-'), ',')
    from jsonb_array_elements(pg_temp.see(
      roles => array['authenticated', 'authenticated', 'anon', 'service_role'],
      subs => array[
        '00000000-0000-4000-8000-00000000b0b0', '00000000-0000-4000-8000-00000000ada0',
        '00000000-0000-4000-8000-00000000ada0', null
      ]
    )) as a
  ),
  'b,a,-,ab', 'each caller has an answer of its own'
);
select is(
  (
    select jsonb_agg(case jsonb_typeof(a.value) when 'object' then '"ok"' else a.value end)
    from jsonb_array_elements(pg_temp.see(
      roles => array['authenticated', 'authenticated', 'no such role'],
      subs => array['no uuid', '00000000-0000-4000-8000-00000000ada0', null]
    )) as a
  ),
  '["22P02", "ok", "22023"]', 'a failure is that of one caller'
);
select is(
  pg_temp.see(columns => array['id', 'other', 'body', 'secret']) -> 0,
  'null', 'undecided where a policy asks for what is not told'
);
select is(
  pg_temp.see(columns => array['id', 'other', 'body', 'secret'], roles => array['service_role'])
    -> 0 -> 'rows' -> 1,
  '[2, {"id": 2, "body": "b", "secret": "y"}]', 'who passes policies needs none'
);

create policy never on public.notes as restrictive to authenticated using (body <> 'a');
select is(
  pg_temp.bodies(pg_temp.see() -> 0), null, 'a restrictive policy takes away'
);
drop policy never on public.notes;

drop policy own on public.notes;
drop policy shared on public.notes;
select is(
  pg_temp.see() -> 0 -> 'rows', '[]', 'without a policy nothing is seen'
);
create policy writes on public.notes for insert to authenticated with check (true);
create policy of_others on public.notes for select to anon using (true);
select is(
  pg_temp.see() -> 0 -> 'rows', '[]', 'policies for other commands and roles do not count'
);

alter table public.notes disable row level security;
select is(
  pg_temp.bodies(pg_temp.see() -> 0), 'ab', 'without row level security grants decide'
);
create schema hidden;
alter table public.notes set schema hidden;
select is(
  pg_temp.see(name => 'hidden.notes') -> 0, '{"columns": [], "rows": []}',
  'without the schema nothing is seen'
);

-- Names that mean something in the statement around the policy.
create table public."r""x" (id integer, v uuid, n text, x text);
alter table public."r""x" enable row level security;
grant select on public."r""x" to authenticated;
select realtime.enable('public."r""x"');
create policy odd on public."r""x" for select to authenticated
using (v = auth.uid() and n = 'a' and x = 'x');
select is(
  pg_temp.see(array['id', 'v', 'n', 'x'], name => 'public."r""x"') -> 0 -> 'rows',
  '[[1, {"id": 1, "v": "00000000-0000-4000-8000-00000000ada0", "n": "a", "x": "x"}]]',
  'names are quoted'
);
alter table public."r""x" rename to r;
select is(
  pg_temp.see(array['id', 'v', 'n', 'x'], name => 'public.r') -> 0 -> 'rows' -> 0 -> 0,
  '1',
  'also those of tables'
);

select is(
  (select s.answers from realtime.see(1::oid, '{}', '{}', '[]', '{anon}', '{null}') as s),
  '[{"columns": [], "rows": []}]',
  'a table that is gone shows nothing'
);
reset role;

set local role authenticated;
select throws_ok(
  $$ select realtime.see(1::oid, '{}', '{}', '[]', '{}', '{}') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
