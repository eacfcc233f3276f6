select plan(9);

create table public.notes (id integer primary key, owner_id uuid, body text, secret text);
revoke all on public.notes from anon, authenticated;
grant select (id, owner_id, body) on public.notes to authenticated;
alter table public.notes enable row level security;
create policy own on public.notes for select to authenticated
using (owner_id = (select auth.uid()));
create policy short on public.notes as restrictive for all using (length(body) < 9);
create policy never on public.notes for update to authenticated using (false);
create table public.open (id integer primary key, body text);
grant select on public.open to anon;
alter table public.open replica identity full;
select realtime.enable('public.notes'), realtime.enable('public.open');
create table public.apart (id integer primary key);

select results_eq(
  $$ select * from realtime.explain('public.notes', 'authenticated') $$,
  $$ values
    ('subscription', 'possible'),
    ('columns', 'id, owner_id, body'),
    ('row level security', 'on'),
    ('policy own', 'permissive: (owner_id = ( SELECT auth.uid() AS uid))'),
    ('policy short', 'restrictive: (length(body) < 9)'),
    ('decided', 'by Postgres, for each role and claims'),
    ('old rows',
      'the key alone: of a delete nothing else can be filtered by, or decided by a policy')
  $$,
  'a table with policies'
);
select results_eq(
  $$ select * from realtime.explain('public.open', 'anon') $$,
  $$ values
    ('subscription', 'possible'),
    ('columns', 'id, body'),
    ('row level security', 'off: every row is told'),
    ('decided', 'where changes are read, at no cost to Postgres'),
    ('old rows', 'whole: filters and policies hold for deletes'),
    ('warning', 'every holder of the anonymous key hears of all its rows; close it: '
      'alter table public.open enable row level security;')
  $$,
  'one that is open to all'
);
select is(
  (select e.detail from realtime.explain('public.notes', 'service_role') as e
    where e.finding = 'row level security'),
  'on, but service_role passes it: every row is told', 'who passes policies'
);
select results_eq(
  $$ select e.detail from realtime.explain('public.notes', 'anon') as e
    where e.finding in ('columns', 'policy short') $$,
  array['none: no change is told', 'restrictive: (length(body) < 9)'],
  'who may not read it'
);
select is(
  (select e.detail from realtime.explain('public.notes', 'authenticated', '[{
    "tree": {"column": "secret", "op": "eq", "value": 0}, "values": [[0, ["x"]]]
  }]') as e where e.finding = 'subscription'),
  'refused: invalid column for filter secret', 'a filter that cannot be'
);
select is(
  (select e.detail
    from realtime.explain('public.notes', 'authenticated', selected => '{secret}') as e
    where e.finding = 'subscription'),
  'refused: invalid column for select secret', 'a selection that cannot be'
);
select matches(
  (select e.detail from realtime.explain('public.apart', 'anon') as e
    where e.finding = 'subscription'),
  '^refused: Please check .*realtime.enable\(''public.apart''\)$', 'a table that is not published'
);
select throws_ok(
  $$ select * from realtime.explain('public.open', 'nobody') $$,
  '42704', null,
  'a role that there is not'
);

set local role authenticated;
select throws_ok(
  $$ select * from realtime.explain('public.open', 'anon') $$,
  '42501', null,
  'a user may not call it'
);

select * from finish();
