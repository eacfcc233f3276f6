-- It commits: what it does then is tested in Go.
select plan(2);

set local role service_role;
select throws_ok(
  $$ call fluxbase.settle() $$, '2D000', null, 'within a transaction it is refused'
);

set local role authenticated;
select throws_ok($$ call fluxbase.settle() $$, '42501', null, 'not for users');

select * from finish();
