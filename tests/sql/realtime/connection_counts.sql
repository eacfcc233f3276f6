select plan(2);

insert into realtime.connections (id, proxy, role, user_id, ip)
values
  ('1', 'p', 'authenticated', 'u', 'a'),
  ('2', 'p', 'authenticated', 'u', 'b'),
  ('3', 'p', 'anon', null, 'a'),
  ('4', 'p', 'anon', null, 'b');

set local role service_role;

select results_eq(
  $$ select c.user_id, c.ip, c.role, c.connections from realtime.connection_counts() as c $$,
  $$ values ('u', null, 'authenticated', 2::bigint), (null, 'a', 'anon', 1),
     (null, 'b', 'anon', 1) $$,
  'by user, else by address'
);

set local role authenticated;

select throws_ok(
  $$ select realtime.connection_counts() $$, '42501', null, 'not for users'
);

select * from finish();
