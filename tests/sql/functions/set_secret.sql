select plan(18);

set local role service_role;
select lives_ok($$ select functions.set_secret('SET_ONE', 'fbs1.a.b') $$, 'a secret');
select lives_ok($$ select functions.set_secret('SET_ONE', 'fbs1.a.c') $$, 'another value');
reset role;
select results_eq(
  $$ select s.sealed from functions.secrets as s where s.name = 'SET_ONE' $$, array['fbs1.a.c'],
  'takes its place'
);
select is(s.secrets_version, 2::bigint, 'each is a version of the secrets')
from functions.settings as s;
select is(
  (
    select count(*) from audit.events as e
    where e.target = 'SET_ONE' and e.action = 'function_secret.set' and e.details = '{}'
  ),
  2::bigint, 'they are audited, and not what they are'
);
set local role service_role;

select throws_ok(
  $$ select functions.set_secret('SET_TWO', 'plain') $$, '22023',
  'the secret is not sealed, and was not stored', 'in plain text'
);
select throws_ok($$ select functions.set_secret('SET_TWO', null) $$, '22023', null, 'null');
select throws_ok(
  format('select functions.set_secret(%L, %L)', n.name, 'fbs1.a.b'), '22023', null,
  format('no name: %s', n.name)
)
from unnest(array[
  '', 'lower', '1A', 'A-B', 'A=B', 'SUPABASE_URL', 'FLUXBASE_X', 'DENO_DIR', 'SB_REGION'
]) as n (name);

set local role authenticated;
select throws_ok(
  $$ select functions.set_secret('A', 'fbs1.a.b') $$, '42501', null, 'not for users'
);
set local role anon;
select throws_ok($$ select functions.set_secret('A', 'fbs1.a.b') $$, '42501', null, 'not for anon');

select * from finish();
