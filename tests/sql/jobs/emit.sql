select plan(8);

set local role service_role;
select is(jobs.emit('paid:1', '{"by": "card"}'), true, 'it has happened');
select is(jobs.emit('paid:1', '{"by": "cash"}'), false, 'only once');
select is(jobs.emit('paid:1', namespace => 'other'), true, 'once in each namespace');
select results_eq(
  $$ select e.namespace, e.payload from jobs.events as e order by e.namespace $$,
  $$ values ('default', '{"by": "card"}'::jsonb), ('other', '{}') $$, 'as it was told first'
);
select throws_ok($$ select jobs.emit('') $$, '23514', null, 'no name');
select throws_ok($$ select jobs.emit(repeat('e', 501)) $$, '23514', null, 'a name too long');
select throws_ok($$ select jobs.emit(null) $$, '23502', null, 'null');

set local role authenticated;
select throws_ok($$ select jobs.emit('a') $$, '42501', null, 'users may not');

select * from finish();
