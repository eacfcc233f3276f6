select plan(6);

create function pg_temp.claim(name text, lease interval)
  returns void
  language sql
as $$ select fluxbase.claim_consumer(claim.name, gen_random_uuid(), claim.lease, '7/1') $$;

set local role fluxbase_replication;

select is(fluxbase.oldest_position('7/1'), null, 'without consumers no log is needed');

select pg_temp.claim('a', '0 s'), pg_temp.claim('b', '0 s'), pg_temp.claim('c', '0 s');
select fluxbase.store_position('a', 1, '7/1/A/0');
select fluxbase.store_position('b', 1, '7/1/9/FFFFFFFF');
select fluxbase.store_position('c', 1, '7/10/1/0');

select is(
  fluxbase.oldest_position('7/1'), '9/FFFFFFFF',
  'the slowest says from where, by number'
);
select is(fluxbase.oldest_position('7/2'), null, 'places of another epoch say nothing');

select pg_temp.claim('d', '-1 s');

select is(
  fluxbase.oldest_position('7/1'), '9/FFFFFFFF',
  'nor does one that never began'
);

select pg_temp.claim('e', '5 s');

select is(fluxbase.oldest_position('7/1'), '0/0', 'one that is about to begin needs all');

set local role authenticated;

select throws_ok(
  $$ select fluxbase.oldest_position('7/1') $$,
  '42501', null,
  'a user may not ask'
);

select * from finish();
