select plan(10);

create function pg_temp.claim(holder integer, lease interval default '5 s')
  returns text
  language sql
as $$
  select c.fence || ' ' || coalesce(c.position, 'none')
  from fluxbase.claim_consumer(
    'mail', ('00000000-0000-0000-0000-00000000000' || claim.holder)::uuid, claim.lease, '7/1'
  ) as c
$$;

set local role service_role;

select throws_ok($$ select from fluxbase.consumers $$, '42501', null, 'its table stays closed');
select is(pg_temp.claim(1), '1 none', 'a new one has not begun');
select is(pg_temp.claim(2), null, 'another process must wait');
select matches(pg_temp.claim(1), '^1 7/1/[0-9A-F]+/[0-9A-F]+$', 'asked again, it begins now');

select is(
  pg_temp.claim(1), pg_temp.claim(1, '0 s'),
  'a lease is renewed, and given back, where it is'
);

select is(
  left(pg_temp.claim(2, '-1 s'), 2), '2 ',
  'then another process has it, behind a new fence'
);
select is(left(pg_temp.claim(1), 2), '3 ', 'as it has when a lease has run out');

set local role fluxbase_replication;

select lives_ok($$ select pg_temp.claim(1) $$, 'who follows the stream may claim');

select throws_ok(
  $$ select fluxbase.claim_consumer('', gen_random_uuid(), '1 s', '7/1') $$,
  '23514', null,
  'a name is not empty'
);

set local role authenticated;

select throws_ok(
  $$ select fluxbase.claim_consumer('mail', gen_random_uuid(), '1 s', '7/1') $$,
  '42501', null,
  'a user may not'
);

select * from finish();
