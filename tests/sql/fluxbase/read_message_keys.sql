select plan(4);

select results_eq(
  $$ select r.id, r.key from fluxbase.read_message_keys() as r $$,
  $$ select k.id, k.key from fluxbase.message_keys as k $$,
  'it returns the keys'
);

set local role fluxbase_replication;

select lives_ok(
  $$ select fluxbase.read_message_keys() $$,
  'who follows the stream reads them'
);

set local role service_role;

select throws_ok(
  $$ select fluxbase.read_message_keys() $$,
  '42501', null,
  'the service role does not'
);

set local role anon;

select throws_ok(
  $$ select fluxbase.read_message_keys() $$,
  '42501', null,
  'and anon does not'
);

select * from finish();
