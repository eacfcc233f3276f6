select plan(3);

set local role service_role;
select is(
  auth.password_rules(),
  '{"min_length": 8, "required_characters": "", "words": [], "site_url": ""}'::jsonb,
  'what holds unless it was said otherwise'
);
select auth.set_setting('password_min_length', '15');
select auth.set_setting('password_required_characters', '"letters_digits"');
select auth.set_setting('password_words', '["Acme"]');
select is(
  auth.password_rules() - 'site_url',
  '{"min_length": 15, "required_characters": "letters_digits", "words": ["Acme"]}'::jsonb,
  'what was said'
);
reset role;

set local role authenticated;
select throws_ok($$ select auth.password_rules() $$, '42501', null, 'processes ask');
