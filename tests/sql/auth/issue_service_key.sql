select plan(20);

select set_config('request.jwt.claims', '{"role":"service_role","service_key":"boss"}', true);
set local role service_role;
create temp table made as
  select i.id, i.key
  from auth.issue_service_key(
    'CI', modules => '{rest}', schemas => '{public}', read_only => true,
    addresses => '{192.0.2.0/24}', expires_at => now() + interval '1 day'
  ) as i;
create temp table app as
  select i.id, i.key from auth.issue_service_key('app', 'publishable') as i;

select matches(
  (select m.key from made as m),
  '^sb_secret_[0-9abcdefghjkmnpqrstvwxyz]{12}_[0-9abcdefghjkmnpqrstvwxyz]{32}$',
  'a secret key has its kind, its id and 160 random bits'
);
select is(
  (select split_part(m.key, '_', 3) from made as m), (select m.id from made as m), 'its id'
);
select matches((select a.key from app as a), '^sb_publishable_', 'a publishable one too');
select throws_ok($$ select from auth.service_keys $$, '42501', null, 'nobody reads the table');
reset role;

select results_eq(
  $$
    select k.role, k.hash = sha256(convert_to(m.key, 'UTF8')), k.modules, k.schemas, k.read_only,
      k.addresses, k.created_by
    from auth.service_keys as k
    join made as m on m.id = k.id
  $$,
  $$
    values ('service_role', true, array['rest'], array['public'], true,
      array['192.0.2.0/24']::cidr[], 'key:boss')
  $$,
  'only the hash is kept'
);
select is(
  (select k.role from auth.service_keys as k join app as a on a.id = k.id), 'anon',
  'a publishable key is anon'
);
select is_empty(
  $$
    select
    from audit.events as e
    cross join made as m
    where strpos(e::text, split_part(m.key, '_', 4)) > 0
  $$,
  'the secret is in no event'
);
select results_eq(
  $$
    select e.actor, e.details ->> 'name'
    from audit.events as e
    join made as m on m.id = e.target
    where e.action = 'service_key.issued'
  $$,
  $$ values ('key:boss', 'CI') $$,
  'that it was issued is one'
);

set local role service_role;
create function pg_temp.refused(arguments text, state text, what text) returns text
language sql as $$
  select throws_ok(
    'select auth.issue_service_key(' || refused.arguments || ')', refused.state, null, refused.what
  );
$$;
select pg_temp.refused($$ '' $$, '23514', 'no name');
select pg_temp.refused($$ 'x', 'other' $$, '23514', 'no such kind');
select pg_temp.refused(
  $$ 'x', 'publishable', 'service_role' $$, '23514', 'nobody publishes the service role'
);
select pg_temp.refused($$ 'x', role => 'nobody_of_that_name' $$, '42704', 'no such role');
select pg_temp.refused($$ 'x', role => 'none' $$, '42704', 'none is no role');
select pg_temp.refused($$ 'x', modules => '{nothing}' $$, '23514', 'no such module');
select pg_temp.refused($$ 'x', modules => '{}' $$, '23514', 'for nothing');
select pg_temp.refused($$ 'x', schemas => '{}' $$, '23514', 'in no schema');
select pg_temp.refused($$ 'x', addresses => '{}' $$, '23514', 'from nowhere');
select pg_temp.refused($$ 'x', addresses => '{192.0.2.7/24}' $$, '22P02', 'no network');
select pg_temp.refused($$ 'x', expires_at => now() - interval '1 s' $$, '22023', 'over already');

reset role;
set local role authenticated;
select throws_ok($$ select auth.issue_service_key('x') $$, '42501', null, 'not for users');

select * from finish();
