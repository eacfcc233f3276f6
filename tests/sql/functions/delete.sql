select plan(7);

set local role service_role;
select functions.deploy('deleted', '{"index.ts": "1"}');
select is(functions.delete('deleted'), true, 'it goes');
select is(functions.delete('deleted'), false, 'once');
select is_empty(
  $$ select from functions.versions as v where v.name = 'deleted' $$, 'with its versions'
);
select is_empty(
  $$ select from functions.list() as l where l.name = 'deleted' $$, 'and is not listed'
);
reset role;
select isnt_empty(
  $$ select from audit.events as e where e.target = 'deleted' and e.action = 'function.deleted' $$,
  'it is audited'
);

set local role authenticated;
select throws_ok($$ select functions.delete('deleted') $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.delete('deleted') $$, '42501', null, 'not for anon');

select * from finish();
