select plan(2);

select is(
  auth.relying_party(), '{"id": "", "name": "", "origins": [], "site_url": ""}', 'the settings'
);
set local role service_role;
select throws_ok($$ select auth.relying_party() $$, '42501', null, 'for functions of ours');

select * from finish();
