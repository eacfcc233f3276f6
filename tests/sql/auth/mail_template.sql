select plan(6);

select auth.set_mail_template('invite', 'all', 'h', 't');
select auth.set_mail_template('invite', 'German', 'h', language => 'de');
select auth.set_mail_template('invite', 'Austrian', 'h', language => 'de-AT');

set local role service_role;
select is(auth.mail_template('invite') ->> 'subject', 'all', 'that for all');
select is(auth.mail_template('invite', 'de-CH') ->> 'subject', 'German', 'that of the language');
select is(auth.mail_template('invite', 'de-at') ->> 'subject', 'Austrian', 'that of the country');
select is(auth.mail_template('invite', 'fr') ->> 'text', 't', 'else that for all');
select is(auth.mail_template('recovery', 'de'), null, 'or none');

set local role authenticated;
select throws_ok($$ select auth.mail_template('invite') $$, '42501', null, 'users may not');

select * from finish();
