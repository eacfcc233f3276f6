select plan(4);

insert into auth.users (id, raw_app_meta_data)
values ('00000000-0000-0000-0000-000000000001', '{"plan": "free", "provider": "google"}');
insert into auth.identities (user_id, provider, provider_id, identity_data, created_at)
values
  ('00000000-0000-0000-0000-000000000001', 'github', '1', '{}', '2026-01-01'),
  ('00000000-0000-0000-0000-000000000001', 'google', '1', '{}', '2026-01-02'),
  ('00000000-0000-0000-0000-000000000001', 'google', '2', '{}', '2026-01-03');

set local role service_role;
select auth.note_providers('00000000-0000-0000-0000-000000000001');
reset role;
select is(
  (select u.raw_app_meta_data from auth.users as u),
  '{"plan": "free", "provider": "google", "providers": ["github", "google"]}',
  'each is named once, the rest stays'
);
delete from auth.identities where provider = 'google';
select auth.note_providers('00000000-0000-0000-0000-000000000001');
select is(
  (select u.raw_app_meta_data from auth.users as u),
  '{"plan": "free", "provider": "github", "providers": ["github"]}', 'the first moves up'
);
delete from auth.identities;
select auth.note_providers('00000000-0000-0000-0000-000000000001');
select is(
  (select u.raw_app_meta_data from auth.users as u),
  '{"plan": "free", "provider": null, "providers": []}', 'there may be none'
);

set local role authenticated;
select throws_ok(
  $$ select auth.note_providers(gen_random_uuid()) $$, '42501', null, 'not for users'
);

select * from finish();
