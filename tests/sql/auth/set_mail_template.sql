select plan(7);

set local role service_role;
select lives_ok(
  $$ select auth.set_mail_template('invite', 'one', 'h') $$, 'a template is set'
);
select lives_ok(
  $$ select auth.set_mail_template('invite', 'two', 'h', 't') $$, 'and another in its place'
);
select throws_ok(
  $$ select auth.set_mail_template('invite', e'two\r\nBcc: eve@example.com', 'h') $$, '23514', null,
  'a subject is one line'
);
select throws_ok(
  $$ select auth.set_mail_template('invite', 'two', repeat('x', 262145)) $$, '23514', null,
  'a body has an end'
);
reset role;
select results_eq(
  $$ select t.subject, t.text from auth.mail_templates as t $$, $$ values ('two', 't') $$, 'it'
);
select auth.set_mail_template('invite', null, null);
select results_eq(
  $$
    select count(*), (select count(*) from auth.mail_templates)
    from audit.events as e
    where e.action = 'mail_template.changed'
  $$,
  $$ values (3::bigint, 0::bigint) $$,
  'without a text the built-in one holds again; all is in the audit'
);

set local role authenticated;
select throws_ok(
  $$ select auth.set_mail_template('invite', 'one', 'h') $$, '42501', null, 'users may not'
);

select * from finish();
