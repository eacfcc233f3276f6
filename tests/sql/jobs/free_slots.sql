select plan(4);

set local role fluxbase_admin;
insert into jobs.slots (id, namespace, key)
values (1, 'n', 'a'), (2, 'n', 'a'), (3, 'n', 'b'), (4, 'm', 'a');
select jobs.free_slots('{1,2,4,5}');
select results_eq(
  $$ select s.id from jobs.slots as s $$, $$ values (3::bigint) $$, 'those are free'
);
select results_eq(
  $$ select k.namespace, k.key from jobs.knocks as k order by k.namespace $$,
  $$ values ('m', 'a'), ('n', 'a') $$, 'one knock for each key'
);
select lives_ok($$ select jobs.free_slots('{}') $$, 'none');

set local role service_role;
select throws_ok($$ select jobs.free_slots('{1}') $$, '42501', null, 'for the queue alone');

select * from finish();
