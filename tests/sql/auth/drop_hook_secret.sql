select plan(4);

select auth.add_hook_secret('send_sms', '5e0ec0de-0000-4000-8000-000000000001', 'fbs1.k.x');

set local role service_role;
select is(
  auth.drop_hook_secret('5e0ec0de-0000-4000-8000-000000000001'), true, 'a secret is dropped'
);
select is(auth.drop_hook_secret('5e0ec0de-0000-4000-8000-000000000001'), false, 'once');
select is(
  (select string_agg(e.action || ' ' || e.details::text, ' ' order by e.id) !~ 'fbs1'
    from audit.events as e where e.action like 'hook\_secret.%'),
  true, 'the audit holds no secret'
);

set local role authenticated;
select throws_ok(
  $$ select auth.drop_hook_secret(gen_random_uuid()) $$, '42501', null, 'users may not'
);

select * from finish();
