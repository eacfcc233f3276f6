select plan(5);

create temp table kept as select k.id from pagination.keys as k;
select is((select count(*) from kept), 1::bigint, 'the installation makes one');

set local role service_role;
select pagination.rotate_key();
reset role;
select results_eq(
  $$ select k.id in (select id from kept) from pagination.keys as k order by k.id $$,
  $$ values (true), (false) $$,
  'the one before it stays'
);

set local role service_role;
select pagination.rotate_key();
reset role;
select is_empty(
  $$ select from pagination.keys as k where k.id in (select id from kept) $$,
  'until the next'
);

set local role authenticated;
select throws_ok($$ select pagination.rotate_key() $$, '42501', null, 'not for users');
select throws_ok($$ select from pagination.keys $$, '42501', null, 'nor are the keys');

select * from finish();
