select plan(27);

create schema other;
create table public.t (
  id integer, big bigint, owner_id uuid, open boolean, name varchar(10), body text, at timestamptz,
  twice integer generated always as (id * 2) stored, length numeric
);
create function other.uid() returns uuid language sql stable return auth.uid();

create function pg_temp.translate(condition text) returns jsonb
language plpgsql as $$
declare
  v_form jsonb;
begin
  execute format('create policy p on public.t using (%s)', condition);
  select realtime.translate(realtime.parse_node(p.polqual::text), p.polrelid) into v_form
  from pg_catalog.pg_policy as p
  where p.polrelid = 'public.t'::regclass;
  drop policy p on public.t;
  return v_form;
end;
$$;

select is(pg_temp.translate(t.condition), t.form::jsonb, t.condition)
from (
  values
    ('owner_id = auth.uid()',
     '{"equal": [{"column": "owner_id"}, {"claim": ["sub"], "type": "uuid"}]}'),
    ('(select auth.uid()) = owner_id',
     '{"equal": [{"claim": ["sub"], "type": "uuid"}, {"column": "owner_id"}]}'),
    ('auth.uid()::text = body',
     '{"equal": [{"claim": ["sub"], "type": "uuid"}, {"column": "body"}]}'),
    ('auth.role() <> ''a''',
     '{"not": {"equal": [{"claim": ["role"], "type": "text"}, {"text": "a"}]}}'),
    ('((select auth.jwt()) -> ''app'' ->> ''org'') = name',
     '{"equal": [{"claim": ["app", "org"], "type": "text"}, {"column": "name"}]}'),
    ('(auth.jwt() ->> ''org'')::integer = big',
     '{"equal": [{"claim": ["org"], "type": "int4"}, {"column": "big"}]}'),
    ('(current_setting(''request.jwt.claims'', true)::json ->> ''sub'')::uuid = owner_id',
     '{"equal": [{"claim": ["sub"], "type": "uuid"}, {"column": "owner_id"}]}'),
    ('auth.email() is not null and (open or not open is true)',
     '{"and": [{"not": {"null": {"claim": ["email"], "type": "text"}}},
               {"or": [{"column": "open"}, {"not": {"true": {"column": "open"}}}]}]}'),
    ('open is not false', '{"not": {"true": {"not": {"column": "open"}}}}'),
    ('id = null', '{"equal": [{"column": "id"}, {"text": null}]}'),
    ('true', '{"text": "t"}'),
    -- What has no such form.
    ('owner_id = other.uid()', null),
    ('id > 1', null),
    ('id in (1, 2)', null),
    ('length = 1', null),
    ('twice = 2', null),
    ('at < now()', null),
    ('body like ''a%''', null),
    ('coalesce(open, true)', null),
    ('current_user = ''a''', null),
    ('auth.jwt() is not null', null),
    ('auth.jwt() ? ''a''', null),
    ('auth.jwt() ->> ''a'' like body', null),
    ('current_setting(''request.method'') = body', null),
    ('(select auth.uid() limit 0) = owner_id', null),
    ('(select auth.uid() where true) = owner_id', null),
    ('exists (select from pg_catalog.pg_class as c where c.oid = id::oid)', null)
) as t (condition, form);

select * from finish();
