select plan(4);

create table public."no tes" (id integer, room text, owner_id uuid);
create table public.members (user_id uuid, room text);
insert into public.members values ('00000000-0000-4000-8000-00000000b0b0', 'lab');
grant select on public.members to authenticated;
insert into fluxbase.proxies (id, name, timeline, confirmed_lsn, live_until)
values ('00000000-0000-4000-8000-000000000001', 'one', 1, '0/1', now());
create temporary table ids as
select realtime.register_claims(
  '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'authenticated',
  array[
    '{"sub": "00000000-0000-4000-8000-00000000ada0"}',
    '{"sub": "00000000-0000-4000-8000-00000000b0b0"}'
  ]
) as list;

-- How many are registered, and who may see which rows of room and owner.
create function pg_temp.ask("rows" text, permissive text[], restrictive text[] default '{}')
returns text
language plpgsql as $$
declare
  v_ids bigint[];
  v_statement constant text := realtime.join_policies(
    'public."no tes"'::regclass, '{room,owner_id}', permissive, restrictive
  );
  v_answer record;
begin
  select i.list into v_ids from ids as i;
  perform
    set_config('fluxbase.claims_key', '00000000-0000-4000-8000-00000000000a', true),
    set_config('role', 'authenticated', true);
  execute format('select * from (%s) as a (snapshot, registered, found)', v_statement)
  into v_answer
  using replace("rows", 'FIRST', v_ids[1]::text)::jsonb;
  perform set_config('role', 'none', true);
  return v_answer.registered || ' ' || (
    select coalesce(string_agg(
      (f ->> 0) || ':' || replace(replace(f ->> 1, v_ids[1]::text, 'ada'), v_ids[2]::text, 'bob'),
      ' ' order by f
    ), '')
    from jsonb_array_elements(v_answer.found::jsonb) as f
  );
end;
$$;

select is(
  pg_temp.ask(
    '[[0, "lab", "00000000-0000-4000-8000-00000000ada0"], [0, "x", null]]',
    array['((owner_id = auth.uid()) OR (EXISTS ( SELECT FROM public.members m
      WHERE ((m.room = "no tes".room) AND (m.user_id = ( SELECT auth.uid() AS uid))))))']
  ), '2 1:[ada, bob]', 'both ways to see a row'
);
select is(
  pg_temp.ask(
    '[[0, "lab", null]]',
    array[e'(room IN ( SELECT m.room\n   FROM public.members m\n  WHERE (m.user_id = auth.uid())))']
  ), '2 1:[bob]', 'IN is a join'
);
select is(
  pg_temp.ask('[[0, "lab", null], [FIRST, "lab", null]]', array['true']),
  '2 1:[ada, bob] 2:[bob]', 'only those who are not known yet'
);
select is(
  pg_temp.ask(
    '[[0, "lab", null], [0, "x", null]]', array['(room = ''lab'')', 'true'],
    array['(room <> ''lab'')']
  ),
  '2 2:[ada, bob]', 'all restrictive policies hold'
);

select * from finish();
