select plan(12);

create table public.notes (
  id integer primary key,
  owner_id uuid,
  body text,
  secret text,
  size integer generated always as (length(body)) stored
);
alter table public.notes enable row level security;
revoke all on public.notes from anon, authenticated;
grant select (id, owner_id, body, size) on public.notes to authenticated;
create policy own on public.notes for select to authenticated using (owner_id = auth.uid());
insert into public.notes (id, owner_id, body, secret)
select i, '00000000-0000-4000-8000-00000000ada0', 'it''s ' || i, 'x' from generate_series(1, 3) as i
union all values (4, '00000000-0000-4000-8000-00000000b0b0'::uuid, 'b', 'y');

-- What ada, or another role, may see.
create function pg_temp.read(
  tree jsonb default null,
  operands jsonb default '[]',
  role text default 'authenticated',
  max_rows integer default 10,
  max_bytes integer default 10000,
  name text default 'notes'
) returns jsonb
language plpgsql as $$
declare
  v_answer record;
begin
  select s.* into v_answer
  from realtime.read_rows(
    'public', name, role, '{"sub": "00000000-0000-4000-8000-00000000ada0"}',
    tree, operands, max_rows, max_bytes
  ) as s;
  perform set_config('role', 'none', true);
  return to_jsonb(v_answer);
end;
$$;

create function pg_temp.ids(answer jsonb) returns text
language sql as $$
  select string_agg(r.value ->> 'id', ',' order by r.value -> 'id')
  from jsonb_array_elements(answer -> 'rows') as r
$$;

select is(
  pg_temp.read('{"column": "id", "op": "eq", "value": 0}', '["1"]')
    - '{snapshot,taken_at}'::text[],
  '{"columns": [
      {"name": "id", "type": "int4"}, {"name": "owner_id", "type": "uuid"},
      {"name": "body", "type": "text"}
    ],
    "rows": [{"id": 1, "owner_id": "00000000-0000-4000-8000-00000000ada0", "body": "it''s 1"}]}',
  'a row in the form of a change'
);
-- Elsewhere in the cluster transactions begin and end between two statements.
create temporary table taken as
select
  pg_current_snapshot() as before,
  (pg_temp.read() ->> 'snapshot')::pg_snapshot as its;
select ok(
  pg_snapshot_xmin(t.before) <= pg_snapshot_xmin(t.its)
  and pg_snapshot_xmax(t.before) <= pg_snapshot_xmax(t.its)
  and pg_snapshot_xmin(t.its) <= pg_snapshot_xmin(pg_current_snapshot())
  and pg_snapshot_xmax(t.its) <= pg_snapshot_xmax(pg_current_snapshot()),
  'with its snapshot'
)
from taken as t;
select ok(
  (pg_temp.read() ->> 'taken_at')::pg_lsn
    between pg_current_wal_lsn() and pg_current_wal_insert_lsn(),
  'and the place in the log'
);
select is(pg_temp.ids(pg_temp.read()), '1,2,3', 'a policy decides');
select is(
  pg_temp.ids(pg_temp.read(
    '{"and": [
      {"column": "body", "op": "in", "value": 0}, {"column": "id", "op": "gt", "value": 1}
    ]}',
    '["{it''s 1,it''s 2,b}", "1"]'
  )),
  '2', 'and a filter, by the types of its columns'
);
select is(pg_temp.ids(pg_temp.read(role => 'service_role')), '1,2,3,4', 'service_role reads all');
select is(
  pg_temp.read(role => 'anon') -> 'rows', '[]', 'who may read no column sees nothing'
);
select is(
  pg_temp.read('{"column": "gone", "op": "eq", "value": 0}', '["1"]') -> 'rows',
  '[]', 'a column that is gone equals nothing'
);
select is(pg_temp.ids(pg_temp.read(max_rows => 3)), '1,2,3', 'as many rows as there may be');
select is(
  array[
    pg_temp.read(max_rows => 2) -> 'rows', pg_temp.read(max_bytes => 100) -> 'rows'
  ],
  array['null', 'null']::jsonb[],
  'no rows where there are too many, or too much'
);
select throws_ok(
  $$ select pg_temp.read('{"column": "id", "op": "eq", "value": 0}', '["x"]') $$,
  '22P02', null, 'what a filter raises is raised'
);

set local role authenticated;
select throws_ok(
  $$ select realtime.read_rows('public', 'notes', 'service_role', '{}', null, null, 1, 1) $$,
  '42501', null, 'a user may not call it'
);

select * from finish();
