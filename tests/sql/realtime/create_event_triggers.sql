-- Files that replace the publications or event triggers wait for each other.
select pg_advisory_xact_lock(4);

select plan(4);

drop event trigger fluxbase_ddl;
alter event trigger fluxbase_drop disable;

select ok(realtime.create_event_triggers(), 'a superuser may');
select results_eq(
  $$ select t.evtname::text collate "default", t.evtenabled::text
     from pg_event_trigger as t
     where t.evtname like 'fluxbase%'
     order by 1 $$,
  $$ values
    ('fluxbase_ddl', 'O'), ('fluxbase_drop', 'D'), ('fluxbase_follow', 'O'),
    ('fluxbase_identity', 'O') $$,
  'what is missing is made, what is there stays as it is'
);

drop event trigger fluxbase_ddl;
set local role fluxbase_admin;

select ok(not realtime.create_event_triggers(), 'another may not, and is told so');

set local role service_role;

select throws_ok(
  'select realtime.create_event_triggers()',
  '42501', null,
  'users may not even try'
);

select * from finish();
