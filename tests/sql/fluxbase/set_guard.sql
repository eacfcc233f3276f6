select plan(13);

create table public.guarded (id int primary key);

set local role service_role;

select fluxbase.set_guard('anon', 'public.guarded', operators => '{eq}', max_rows => 5);
select fluxbase.set_guard('anon', 'public.guarded', filterable => '{id}');
select fluxbase.set_guard(null, null, statement_timeout => '2 s');
select fluxbase.set_guard(null, null, statement_timeout => '3 s');
select results_eq(
  $$
    select g.role::text, g.relation::text, g.operators, g.filterable, g.max_rows,
      g.statement_timeout
    from fluxbase.guards as g
    order by g.id
  $$,
  $$
    values
      ('anon', 'guarded', null::text[], array['id'], null::bigint, null::interval),
      (null, null, null, null, null, interval '3 s')
  $$,
  'the last guard for two counts, as a whole, and can be read'
);

select throws_ok(
  $$ select fluxbase.set_guard('nobody_of_that_name', null) $$, '42704', null, 'no such role'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, 'public.nothing_of_that_name') $$, '42P01', null,
  'no such relation'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, null, operators => '{eq,equals}') $$, '23514', null,
  'no such operator'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, null, embed_depth => -1) $$, '23514', null, 'depth below 0'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, null, embed_breadth => -1) $$, '23514', null,
  'breadth below 0'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, null, max_rows => -1) $$, '23514', null, 'rows below 0'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, null, statement_timeout => '0 s') $$, '23514', null,
  'no time at all, which Postgres takes for no limit'
);
select throws_ok(
  $$ select fluxbase.set_guard(null, null, max_cost => 'nan') $$, '23514', null, 'no cost'
);
select throws_ok(
  $$ insert into fluxbase.guards (max_rows) values (1) $$, '42501', null,
  'the function is the only way'
);

set local role authenticator;

select isnt_empty($$ select from fluxbase.guards $$, 'the login of serve reads them');

set local role authenticated;

select throws_ok(
  $$ select fluxbase.set_guard(null, null) $$, '42501', null, 'not for users'
);
select throws_ok($$ select from fluxbase.guards $$, '42501', null, 'who may not read them either');

select * from finish();
