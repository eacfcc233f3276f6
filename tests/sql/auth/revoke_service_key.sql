-- It commits: what it does then is tested in Go.
select plan(2);

set local role service_role;
select throws_ok(
  format('call auth.revoke_service_key(%L, %L)', i.id, 'leaked'), '2D000', null,
  'within a transaction it is refused'
)
from auth.issue_service_key('a key') as i;

reset role;
set local role authenticated;
select throws_ok($$ call auth.revoke_service_key('x', 'y') $$, '42501', null, 'not for users');

select * from finish();
