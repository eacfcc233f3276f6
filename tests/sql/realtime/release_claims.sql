select plan(2);

insert into fluxbase.proxies (id, name, timeline, confirmed_lsn, live_until)
select p.id, 'one', 1, '0/1', now()
from unnest(
  '{00000000-0000-4000-8000-000000000001,00000000-0000-4000-8000-000000000002}'::uuid[]
) as p (id);
create temporary table got as
select realtime.register_claims(
  '00000000-0000-4000-8000-000000000001', gen_random_uuid(), 'anon', '{"{}","{}"}'
) as ids;

select realtime.release_claims('00000000-0000-4000-8000-000000000002', got.ids) from got;
select is(
  (select count(*) from realtime.claim_set as c join got on c.id = any (got.ids)), 2::bigint,
  'those of another process stay'
);
select realtime.release_claims('00000000-0000-4000-8000-000000000001', got.ids[1:1]) from got;
select is(
  (select array_agg(c.id) from realtime.claim_set as c join got on c.id = any (got.ids)),
  (select got.ids[2:2] from got), 'only those that are named'
);

select * from finish();
