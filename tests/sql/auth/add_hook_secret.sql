select plan(3);

set local role service_role;
select lives_ok(
  $$ select auth.add_hook_secret('send_sms', gen_random_uuid(), 'fbs1.k.x') $$, 'a secret is added'
);
select throws_ok(
  $$ select auth.add_hook_secret('none', gen_random_uuid(), 'fbs1.k.x') $$, '23514', null,
  'to a hook that there is'
);

set local role authenticated;
select throws_ok(
  $$ select auth.add_hook_secret('send_sms', gen_random_uuid(), 'fbs1.k.x') $$, '42501', null,
  'users may not'
);

select * from finish();
