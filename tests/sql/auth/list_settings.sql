select plan(4);

select set_config('request.jwt.claims', '{"role":"service_role","service_key":"boss"}', true);
set local role service_role;
select auth.set_setting('jwt_exp', '60');
select results_eq(
  $$
    select l.kind, l.value, l.fallback, l.changed_by
    from auth.list_settings() as l
    where l.name = 'jwt_exp'
  $$,
  $$ values ('positive', '60'::jsonb, '3600'::jsonb, 'key:boss') $$,
  'what holds, what would, and who said so'
);
select results_eq(
  $$
    select l.value, l.changed_by
    from auth.list_settings() as l
    where l.name = 'sessions_timebox'
  $$,
  $$ values ('0'::jsonb, null::text) $$,
  'of one that nobody changed'
);
select is(
  (select count(*) from auth.list_settings()), (select count(*) from auth.known_settings()), 'all'
);

reset role;
set local role authenticated;
select throws_ok($$ select auth.list_settings() $$, '42501', null, 'not for users');

select * from finish();
