select plan(9);

select audit.record('test.kept', 'tg_events__keep.sql');
create function pg_temp.refused(statement text, who text) returns text language sql as $$
  select throws_ok(refused.statement, '42501', 'events are only ever added', refused.who);
$$;

select pg_temp.refused(
  $$ update audit.events set actor = 'nobody' where target = 'tg_events__keep.sql' $$,
  'a superuser changes nothing'
);
select pg_temp.refused(
  $$ delete from audit.events where target = 'tg_events__keep.sql' $$, 'nor removes anything'
);
select pg_temp.refused($$ truncate audit.events $$, 'nor all of it');
select pg_temp.refused($$ truncate audit.events_default $$, 'nor all of a partition');

set local role fluxbase_admin;
select throws_ok(
  $$ delete from audit.events where target = 'tg_events__keep.sql' $$, '42501', null,
  'nor does the owner'
);
select throws_ok(
  $$ delete from audit.events_default where target = 'tg_events__keep.sql' $$, '42501', null,
  'nor the owner, in a partition'
);

set local role service_role;
select isnt_empty(
  $$ select from audit.events where target = 'tg_events__keep.sql' $$, 'service_role reads them'
);
select throws_ok(
  $$ delete from audit.events $$, '42501', null, 'and has no right to more'
);

set local role authenticated;
select throws_ok($$ select from audit.events $$, '42501', null, 'users do not read them');

select * from finish();
