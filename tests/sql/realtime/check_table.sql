select plan(11);

create table public.whole (id integer) partition by range (id);
create table public.part partition of public.whole for values from (0) to (10);
create view public.seen as select 1 as id;
create materialized view public.kept as select 1 as id;
create unlogged table public.quick (id integer);
create temp table brief (id integer);
create sequence public.counter;
create foreign data wrapper nowhere;
create server nowhere foreign data wrapper nowhere;
create foreign table public.away (id integer) server nowhere;

select lives_ok($$ select realtime.check_table('public.whole') $$, 'a partitioned table is fine');

select throws_ok(
  format('select realtime.check_table(%L)', t.name),
  '42809',
  format('%s is %s, whose changes cannot be streamed', t.name, t.what),
  t.what
)
from (
  values
    ('public.part', 'a partition'),
    ('public.seen', 'a view'),
    ('public.kept', 'a view'),
    ('public.quick', 'an unlogged table'),
    ('brief', 'a temporary table'),
    ('public.counter', 'no table'),
    ('public.away', 'a foreign table'),
    ('pg_class', 'a system catalog')
) as t (name, what);

select throws_ok(
  $$ select realtime.check_table(1::regclass) $$,
  '42P01', null,
  'a table that is gone'
);

grant usage on schema realtime to authenticated;
grant execute on function realtime.check_table(regclass) to authenticated;
set local role authenticated;

select throws_ok(
  $$ select realtime.check_table('public.whole') $$,
  '42501', 'only the owner of public.whole may publish it',
  'a table of another'
);

select * from finish();
