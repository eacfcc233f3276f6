-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(8);

create view public.seen as
select
  p.pubname::text collate "default" as name,
  p.pubowner::regrole::text as owner,
  p.pubviaroot as is_via_root
from pg_publication as p;

drop publication supabase_realtime;
drop publication fluxbase_system;
select realtime.create_publications();

select set_eq(
  'table public.seen',
  $$ values
       ('supabase_realtime', 'fluxbase_admin', true),
       ('fluxbase_system', 'fluxbase_admin', true) $$,
  'what is missing is made'
);
select results_eq(
  $$ select t.tablename::text collate "default", t.attnames::text collate "default"
     from pg_publication_tables as t
     where t.pubname = 'fluxbase_system'
     order by t.tablename, t.attnames::text collate "C" $$,
  $$ values
       ('ended_sessions', '{session_id,ended_at,forget_at}'),
       ('functions', '{name}'),
       ('legacy_key_revocations', '{id}'),
       ('message_keys', '{id}'),
       ('rules', '{name,routes,per,rate,period,burst,methods,role,strict,changed_at}'),
       ('secrets', '{name}'),
       ('service_keys', '{id}'),
       ('settings', '{name,value,changed_at}'),
       ('settings', '{name}'),
       ('signing_keys', '{kid}') $$,
  'of the keys just that there are some'
);

drop publication supabase_realtime;
create publication supabase_realtime;
alter publication supabase_realtime owner to current_user;
create table public.notes (id integer primary key);
alter publication supabase_realtime add table public.notes;
alter publication fluxbase_system drop table
  fluxbase.message_keys, fluxbase.settings, ratelimit.rules;
select realtime.create_publications();

select is(
  (select s.owner from public.seen as s where s.name = 'supabase_realtime'), current_user::text,
  'what is there stays whose it is'
);
select isnt_empty(
  $$ select from pg_publication_tables as t where t.tablename = 'notes' $$,
  'with its tables'
);
select isnt_empty(
  $$ select from pg_publication_tables as t where t.tablename = 'message_keys' $$,
  'and a table of ours that is missing comes back'
);
select isnt_empty(
  $$ select from pg_publication_tables as t where t.tablename = 'settings' $$,
  'and so does the other'
);
select isnt_empty(
  $$ select from pg_publication_tables as t where t.tablename = 'rules' $$,
  'and the third'
);

set local role service_role;

select throws_ok(
  'select realtime.create_publications()',
  '42501', null,
  'only an administrator may'
);

select * from finish();
