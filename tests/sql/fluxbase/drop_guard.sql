select plan(5);

set local role service_role;

select fluxbase.set_guard('anon', null, max_rows => 5);
select fluxbase.set_guard(null, null, max_rows => 6);
select ok(not fluxbase.drop_guard('authenticated', null), 'there is none for this role');
select ok(fluxbase.drop_guard(null, null), 'that of all roles');
select ok(not fluxbase.drop_guard(null, null), 'which is gone now');
select results_eq(
  $$ select g.role::text from fluxbase.guards as g $$, $$ values ('anon') $$,
  'others stay'
);

set local role authenticated;

select throws_ok($$ select fluxbase.drop_guard('anon', null) $$, '42501', null, 'not for users');

select * from finish();
