select plan(5);

select is(auth.require_value('a'::text, 'name'), 'a', 'what is given');
select is(auth.require_value(''::text, 'name'), '', 'is given back, be it empty');
select throws_ok(
  $$ select auth.require_value(null::uuid, 'id') $$, '22004', 'id must be given',
  'what is not is called by its name'
);

set local role service_role;
select throws_ok(
  $$ select auth.require_value(1, 'n') $$, '42501', null, 'for functions of ours alone'
);
select throws_ok(
  $$ select auth.add_hook_secret('send_sms', gen_random_uuid(), null) $$, '22004',
  'sealed must be given', 'who calls one hears of it'
);

select * from finish();
