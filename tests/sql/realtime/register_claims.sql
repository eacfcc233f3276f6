select plan(5);

insert into fluxbase.proxies (id, name, timeline, confirmed_lsn, live_until)
values ('00000000-0000-4000-8000-000000000001', 'one', 1, '0/1', now());
create function pg_temp.register(claims text[]) returns bigint[]
language sql as $$
  select realtime.register_claims(
    '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'anon', claims
  )
$$;

set local role fluxbase_replication;
select is(pg_temp.register('{}'), '{}', 'nothing');
reset role;
create temporary table got as
select pg_temp.register(
  array['{"sub": "00000000-0000-4000-8000-00000000ada0"}', '{"a": 1}']
) as ids;
select results_eq(
  'select c.claims, c.uid from got cross join unnest(got.ids) with ordinality as i (id, n)
   join realtime.claim_set as c on c.id = i.id order by i.n',
  $$ values
    ('{"sub": "00000000-0000-4000-8000-00000000ada0"}'::jsonb,
     '00000000-0000-4000-8000-00000000ada0'::uuid),
    ('{"a": 1}', null) $$,
  'ids in the order of the claims'
);
select ok(got.ids[1] < got.ids[2], 'which is ascending') from got;
select throws_ok(
  $$ select pg_temp.register(array['{"sub": "nobody"}']) $$, '22P02', null, 'a sub that is no uuid'
);
select throws_ok(
  $$ select realtime.register_claims(gen_random_uuid(), gen_random_uuid(), 'anon', '{"{}"}') $$,
  '23503', null, 'a process without a lease'
);

select * from finish();
