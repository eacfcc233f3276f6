select plan(7);

set local role service_role;
select throws_ok(
  $$ select auth.promote_signing_key() $$, '55000', 'there is no next key', 'there must be one'
);
select auth.add_signing_key('a', 'ES256', '{"kid":"a","alg":"ES256"}', 'fbs1.k.AA');
select auth.add_signing_key('b', 'ES256', '{"kid":"b","alg":"ES256"}', 'fbs1.k.AA');
select throws_ok(
  $$ select auth.promote_signing_key() $$, '55000',
  'the next key was published less than ten minutes ago', 'others may not have it yet'
);
reset role;
update auth.signing_keys as k
set created_at = now() - interval '10 min'
where k.kid = 'b';
set local role service_role;
select is(auth.promote_signing_key(), 'b', 'after ten minutes they have');
select results_eq(
  $$
    select l.kid, l.state, l.activated_at = now(), l.retired_at = now()
    from auth.list_signing_keys() as l
    order by l.kid
  $$,
  $$ values ('a', 'retired', true, true), ('b', 'current', true, null) $$,
  'the old one is retired'
);
select results_eq(
  $$
    select e.target, e.details
    from audit.events as e
    where e.action = 'signing_key.promoted'
  $$,
  $$ values ('b', '{"retired": "a"}'::jsonb) $$,
  'and that is told'
);
select auth.add_signing_key('c', 'ES256', '{"kid":"c","alg":"ES256"}', 'fbs1.k.AA');
select is(auth.promote_signing_key(at_once => true), 'c', 'or at once');

reset role;
set local role authenticated;
select throws_ok($$ select auth.promote_signing_key() $$, '42501', null, 'not for users');

select * from finish();
