select plan(3);

select functions.use_queue('used', 'n');
select functions.use_queue('used', 'n');
select is(count(*), 1::bigint, 'it is noted once')
from functions.queues as q
where (q.namespace, q.queue) = ('n', 'used');
select results_eq(
  $$
  select h.kind, h.queue, h.edge_function, h.secrets, h.whole
  from jobs.list_handlers() as h
  where h.namespace = 'n'
  $$,
  $$ values ('functions.invoke', 'used', '*', '[]'::jsonb, false) $$,
  'and worked on'
);

set local role service_role;
select throws_ok(
  $$ select functions.use_queue('used', 'n') $$, '42501', null, 'for functions of ours alone'
);

select * from finish();
