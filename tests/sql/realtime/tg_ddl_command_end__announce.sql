-- What it sends is tested in Go: it takes a stream. Here: it never gets in the way.
select plan(4);

grant create on schema public to authenticated;
set local role authenticated;

select lives_ok('create table public.mine (id integer)', 'users change the schema');
select lives_ok('create temp table brief (id integer)', 'or make temporary tables');

reset role;
delete from fluxbase.message_keys;

select lives_ok('create table public.other (id integer)', 'also where it cannot be announced');

set local role service_role;

select throws_ok(
  'select realtime.tg_ddl_command_end__announce()',
  '42501', null,
  'nobody calls it'
);

select * from finish();
