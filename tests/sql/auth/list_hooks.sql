select plan(3);

select auth.set_setting('hook_send_sms_uri', '"https://example.com/sms"');
select auth.set_setting('hook_send_email_uri', '"pg-functions://postgres/public/gone"');
select auth.add_hook_secret('send_sms', '5e0ec0de-0000-4000-8000-000000000001', 'fbs1.k.x');

set local role service_role;
select results_eq(
  $$
    select h.name, h.uri, h.found, h.secrets #>> '{0,id}'
    from auth.list_hooks() as h
    where h.uri is not null
  $$,
  $$
    values
      ('send_email', 'pg-functions://postgres/public/gone', false, null),
      ('send_sms', 'https://example.com/sms', null, '5e0ec0de-0000-4000-8000-000000000001')
  $$,
  'what is set, and whether it is there'
);
select is((select count(*) from auth.list_hooks()), 7::bigint, 'and what is not');

set local role authenticated;
select throws_ok($$ select auth.list_hooks() $$, '42501', null, 'users may not');

select * from finish();
