select plan(14);

create table public.paged (id integer primary key, name text, at timestamptz, ratio float8);
insert into public.paged
select n, (array['a', 'B', 'ä', '"', null])[1 + n % 5], now() + (n % 3) * interval '1 microsecond',
  (array['NaN', '-0', '0.1', null])[1 + n % 4]::float8
from generate_series(1, 100) as n;
alter table public.paged enable row level security;
create policy low_ones on public.paged using (id <= 90);
grant select on public.paged to anon;
create view public.paged_view as select p.id, p.name from public.paged as p;
create view public.twice as select p.id from public.paged as p cross join generate_series(1, 2);
create table public.without_key (a integer);
create table public.extremes (
  id bigint primary key, exact numeric, about float8, at timestamptz, words text
);
insert into public.extremes values
  (-9223372036854775808, 'NaN', 'NaN', 'infinity', repeat('ä', 300000)),
  (-1, '-1e131071', '-1.7976931348623157e308', '4714-11-24 00:00:00+00 BC', repeat('ä', 299999)),
  (0, '1e-16383', '5e-324', '294276-12-31 23:59:59.999999+00', repeat('"\', 200000)),
  (1, '1e131071', '1.7976931348623157e308', '-infinity', E'\u0001'),
  (9223372036854775807, '-Infinity', '-Infinity', null, '');

-- All ids, page by page.
create function pg_temp.walk(source regclass, order_by text, size integer) returns bigint[]
  language plpgsql as $$
declare
  v_ids bigint[] := '{}';
  v_page record;
  v_cursor text;
begin
  loop
    select p.* into v_page from pagination.page(source, order_by, v_cursor, size) as p;
    v_ids := v_ids || array(
      select (i.value ->> 'id')::bigint
      from json_array_elements(v_page.items) with ordinality as i order by i.ordinality);
    v_cursor := v_page.next_cursor;
    exit when v_cursor is null;
  end loop;
  return v_ids;
end;
$$;

select results_eq(
  $$ select o.o, pg_temp.walk('public.paged', o.o, 7) from (values
    ('name'), ('name desc nulls last, at desc'), ('ratio desc, name nulls first, id desc')) as o (o)
  $$,
  $$ values
    ('name', array(select id::bigint from public.paged order by name, id)),
    ('name desc nulls last, at desc',
      array(select id::bigint from public.paged order by name desc nulls last, at desc, id)),
    ('ratio desc, name nulls first, id desc',
      array(select id::bigint from public.paged order by ratio desc, name nulls first, id desc)) $$,
  'the pages are the whole'
);
select is(
  pg_temp.walk('public.paged', null, 25), array(select n from generate_series(1::bigint, 100) as n),
  'by the key'
);
select is(
  pg_temp.walk('public.paged_view', 'name, id', 30),
  array(select id::bigint from public.paged order by name, id), 'of a view'
);
select results_eq(
  $$ select o.o, pg_temp.walk('public.extremes', o.o, 1) from (values
    ('id'), ('exact'), ('about desc'), ('at nulls first'), ('words desc')) as o (o)
  $$,
  $$ values
    ('id', array(select id from public.extremes order by id)),
    ('exact', array(select id from public.extremes order by exact)),
    ('about desc', array(select id from public.extremes order by about desc)),
    ('at nulls first', array(select id from public.extremes order by at nulls first)),
    ('words desc', array(select id from public.extremes order by words desc)) $$,
  'the largest values of each type'
);
select is(
  (select json_array_length(p.items) from pagination.page('public.paged', size => 2147483647) as p),
  100, 'the largest size'
);

set local role anon;
select is(
  cardinality(pg_temp.walk('public.paged', 'at', 30)), 90, 'the caller sees what policies show'
);
select throws_ok(
  $$ select pagination.page('public.without_key') $$, '55000', null, 'a table without a key'
);
select throws_ok($$ select pagination.page('public.twice') $$, '55000', null, 'a view in no order');
reset role;
select throws_ok(
  $$ select pagination.page('public.twice', 'id', null, 3) $$,
  'FXC03', null, 'rows that are the same'
);
select throws_ok(
  $$ select pagination.page('public.paged', 'nope') $$, '42703', null, 'an unknown column'
);
select throws_ok(
  $$ select pagination.page('public.paged', 'id); drop table public.paged; --') $$,
  '22023', null, 'no list of columns'
);
select throws_ok(
  $$ select pagination.page('public.paged', 'id desc', (
    select p.next_cursor from pagination.page('public.paged', 'id', null, 5) as p)) $$,
  'FXC01', null, 'the cursor of another order'
);
select throws_ok(
  $$ select pagination.page('public.paged', 'id', null, 0) $$, '22023', null, 'no size'
);
select throws_ok(
  $$ select pagination.page('public.paged', 'id', repeat('A', 2000000)) $$,
  'FXC01', null, 'a huge cursor that is none'
);

select * from finish();
