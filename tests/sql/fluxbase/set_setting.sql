select plan(8);

set local role service_role;

select fluxbase.set_setting('realtime.max_connections', '5');
select fluxbase.set_setting('realtime.max_connections', '7');
select results_eq(
  $$ select s.name, s.value from fluxbase.settings as s $$,
  $$ values ('realtime.max_connections', '7'::jsonb) $$,
  'the last value counts, and can be read'
);
select throws_ok(
  $$ select fluxbase.set_setting('realtime.max_conections', '5') $$,
  '23514', null, 'a name that nobody knows'
);
select throws_ok(
  $$ select fluxbase.set_setting('realtime.max_connections', '"5"') $$,
  '23514', null, 'a value that is no count'
);
select throws_ok(
  $$ select fluxbase.set_setting('realtime.max_connections', '-1') $$,
  '23514', null, 'nor is this'
);
select throws_ok(
  $$ select fluxbase.set_setting(null, '1') $$, '23502', null, 'no name'
);
select fluxbase.set_setting('realtime.max_connections', null);
select is_empty($$ select from fluxbase.settings $$, 'null takes it back');
select throws_ok(
  $$ insert into fluxbase.settings (name, value) values ('realtime.max_connections', '5') $$,
  '42501', null, 'the function is the only way'
);

set local role authenticated;

select throws_ok(
  $$ select fluxbase.set_setting('realtime.max_connections', '5') $$,
  '42501', null, 'not for users'
);

select * from finish();
