select plan(4);

insert into fluxbase.proxies (id, name, timeline, confirmed_lsn, live_until)
values ('00000000-0000-4000-8000-000000000001', 'one', 1, '0/1', now());
select realtime.register_claims(
  '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', r.role,
  '{"{\"sub\": \"00000000-0000-4000-8000-00000000ada0\"}"}'
)
from unnest('{anon,authenticated}'::text[]) as r (role);

set local role authenticated;
select is((select count(*) from realtime.claims), 0::bigint, 'without a key nothing is seen');
set local fluxbase.claims_key = '00000000-0000-4000-8000-000000000001';
select is((select count(*) from realtime.claims), 0::bigint, 'nor with that of nobody');
set local fluxbase.claims_key = '00000000-0000-4000-8000-00000000000a';
select is(
  (select array_agg(c.uid || ' ' || (c.claims ->> 'sub')) from realtime.claims as c),
  '{00000000-0000-4000-8000-00000000ada0 00000000-0000-4000-8000-00000000ada0}',
  'with the key those of the current role'
);
select throws_ok(
  'select from realtime.claim_set', '42501', null, 'the table itself is closed'
);

select * from finish();
