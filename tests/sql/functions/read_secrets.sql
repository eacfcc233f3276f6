select plan(4);

set local role service_role;
select is(functions.read_secrets(), '{"version": 0, "secrets": []}', 'there are none');
select functions.set_secret('READ_A', 'fbs1.a.b');
select is(
  functions.read_secrets(), '{"version": 1, "secrets": [{"name": "READ_A", "sealed": "fbs1.a.b"}]}',
  'there is one'
);

set local role authenticated;
select throws_ok($$ select functions.read_secrets() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.read_secrets() $$, '42501', null, 'not for anon');

select * from finish();
