select plan(3);

select is(
  auth.setting_defaults(),
  (
    select jsonb_object_agg(k.name, k.fallback)
    from auth.known_settings() as k
  ),
  'what each known setting says unless it is set'
);
select is(auth.setting_defaults() -> 'jwt_exp', '3600', 'by its name');

set local role service_role;
select throws_ok($$ select auth.setting_defaults() $$, '42501', null, 'for functions of ours');

select * from finish();
