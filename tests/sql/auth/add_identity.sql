select plan(4);

insert into auth.users (id, raw_user_meta_data)
values ('00000000-0000-0000-0000-000000000001', '{"name": "Ada", "theme": "dark"}');
select auth.add_identity(
  '00000000-0000-0000-0000-000000000001', 'google', '7', '{"sub": "7", "name": "Ada L."}'
);
select results_eq(
  $$ select u.raw_user_meta_data, u.raw_app_meta_data from auth.users as u $$,
  $$ values (
    '{"name": "Ada L.", "theme": "dark", "sub": "7"}'::jsonb,
    '{"provider": "google", "providers": ["google"]}'::jsonb
  ) $$,
  'the user is known as the provider says'
);
select is(
  (select i.identity_data from auth.identities as i), '{"sub": "7", "name": "Ada L."}',
  'and by the account'
);
select throws_ok(
  $$ select auth.add_identity('00000000-0000-0000-0000-000000000001', 'google', '7', '{}') $$,
  '23505', null, 'which is one user''s alone'
);

set local role service_role;
select throws_ok(
  $$ select auth.add_identity('00000000-0000-0000-0000-000000000001', 'google', '8', '{}') $$,
  '42501', null, 'it decides nothing, so it is for functions that do'
);

select * from finish();
