select plan(3);

set local role service_role;
select is(auth.list_mail_templates(), '{}', 'there is none but the built-in ones');
select auth.set_mail_template('invite', 'one', 'h');
select auth.set_mail_template('invite', 'eins', 'h', language => 'de');
select is(
  jsonb_path_query_array(auth.list_mail_templates(), '$.invite[*].subject'), '["one", "eins"]',
  'those that were set'
);

set local role authenticated;
select throws_ok($$ select auth.list_mail_templates() $$, '42501', null, 'users may not');

select * from finish();
