select plan(4);

set local role service_role;

select fluxbase.claim_consumer('mail', gen_random_uuid(), '5 s', '7/1');

select ok(fluxbase.forget_consumer('mail'), 'it is gone');
select ok(not fluxbase.forget_consumer('mail'), 'once');

select throws_ok(
  $$ select fluxbase.store_position('mail', 1, '7/1/16/B374D848') $$,
  '55000', null,
  'and nothing can be stored for it'
);

set local role fluxbase_replication;

select throws_ok(
  $$ select fluxbase.forget_consumer('mail') $$,
  '42501', null,
  'a process does not forget by itself'
);

select * from finish();
