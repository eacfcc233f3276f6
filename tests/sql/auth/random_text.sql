select plan(4);

select matches(auth.random_text(32), '^[0-9abcdefghjkmnpqrstvwxyz]{32}$', '32 letters');
select is(length(auth.random_text(12)), 12, 'or fewer');
select is(
  (select count(distinct auth.random_text(12)) from generate_series(1, 1000)), 1000::bigint,
  'never the same'
);

set local role service_role;
select throws_ok($$ select auth.random_text(12) $$, '42501', null, 'for functions of ours');

select * from finish();
