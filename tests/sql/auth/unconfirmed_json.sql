select plan(3);

select is(
  auth.unconfirmed_json(
    'email', 'ada@said.test', '{"name": "Ada", "sub": "x", "email_verified": true}',
    '00000000-0000-4000-8000-000000000007'
  ) -> 'user_metadata',
  '{"name": "Ada", "sub": "00000000-0000-4000-8000-000000000007", "email": "ada@said.test",
    "email_verified": false, "phone_verified": false}',
  'what they say, but for what they cannot say'
);
select results_eq(
  $$
    select d.doc ->> 'email', d.doc ->> 'phone', d.doc ->> 'role',
      d.doc #>> '{identities,0,provider}', d.doc #>> '{app_metadata,provider}',
      d.doc ? 'confirmation_sent_at'
    from auth.unconfirmed_json('phone', '15550003333', null, gen_random_uuid()) as d (doc)
  $$,
  $$ values ('', '15550003333', 'authenticated', 'phone', 'phone', true) $$,
  'by number'
);

set local role service_role;
select throws_ok(
  $$ select auth.unconfirmed_json('email', 'a@b.test', null, gen_random_uuid()) $$,
  '42501', null, 'it is a part of auth.sign_up'
);

select * from finish();
