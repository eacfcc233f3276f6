select plan(6);

set local role service_role;
create temp table made as
  select auth.import_users(
    '[{"email": "ada@import.test", "hash": "$2a$10$x", "email_confirm": true},
      {"email": "ada@import.test"},
      {"name": "nobody"},
      {"email": "bob@import.test", "created_at": "soon"},
      {"email": "eve@import.test", "user_metadata": 7},
      {"phone": "15550000061"}]'
  ) as answer;
select is(m.answer -> 'made', '2', 'those that can be') from made as m;
select is(
  (
    select jsonb_agg(r - 'message' order by r -> 'row')
    from jsonb_array_elements(m.answer -> 'refused') as r
  ),
  '[{"row": 2, "error": "email_exists"}, {"row": 3, "error": "validation_failed"},
    {"row": 4, "error": "22007"}, {"row": 5, "error": "23514"}]',
  'and why the others cannot'
)
from made as m;
select is(auth.find_account('ada@import.test', null) ->> 'hash', '$2a$10$x', 'with their hashes');
select isnt(auth.find_account(null, '15550000061'), null, 'all of them');
select is(auth.import_users('[]'), '{"made": 0, "refused": []}', 'nobody');

reset role;
set local role authenticated;
select throws_ok($$ select auth.import_users('[]') $$, '42501', null, 'not for users');

select * from finish();
