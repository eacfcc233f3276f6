select plan(4);

create table public.paged (
  a integer, "B ""c""" text not null, d numeric(4, 1), primary key (d, a)
);

select results_eq(
  $$ select t.* from pagination.terms('public.paged', ' "B ""c""" DESC, A nulls first') as t $$,
  $$ values
    (1, 'B "c"', 'text', true, true, true),
    (2, 'a', 'integer', true, false, true),
    (3, 'd', 'numeric(4,1)', true, false, false) $$,
  'what is asked for, then the rest of the key'
);
select results_eq(
  $$ select t.name from pagination.terms('public.paged', null) as t $$,
  $$ values ('d'), ('a') $$,
  'the key alone'
);
select results_eq(
  $$ select t.name, t.type from pagination.terms('public.paged', 'ctid, nope') as t limit 2 $$,
  $$ values ('ctid', null::text), ('nope', null) $$,
  'columns that are not there'
);
select throws_ok(
  format('select pagination.terms(%L, %L)', 'public.paged', o.o),
  '22023', null, o.o
) from unnest(array['a; drop table public.paged']) as o (o);

select * from finish();
