-- As for tg_ddl_command_end__announce.
select plan(4);

create table public.one (id integer);
create table public.two (id integer);
alter table public.one owner to authenticated;
set local role authenticated;

select lives_ok('drop table public.one', 'users drop what is theirs');
create temp table brief (id integer);
select lives_ok('drop table brief', 'or temporary tables');

reset role;
delete from fluxbase.message_keys;

select lives_ok('drop table public.two', 'also where it cannot be announced');

set local role service_role;

select throws_ok(
  'select realtime.tg_sql_drop__announce()',
  '42501', null,
  'nobody calls it'
);

select * from finish();
