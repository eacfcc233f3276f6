select plan(7);

set local role service_role;
create temp table made as
  select i.id, i.key
  from auth.issue_service_key('one', schemas => '{public}', addresses => '{192.0.2.0/24}') as i;
create temp table shared as
  select i.id from auth.issue_service_key('shared', kind => 'publishable') as i;
create temp table dead as select i.id from auth.issue_service_key('two') as i;
select auth.end_service_key(d.id, 'leaked') from dead as d;
select auth.end_legacy_keys('one', jti => 'abc');
select auth.end_legacy_keys('two', token => 'a.b.c');
select auth.end_legacy_keys('three', to_timestamp(1000.5));
reset role;
grant select on made, dead, shared to authenticator, fluxbase_replication;

set local role authenticator;
create temp view doc as select auth.read_service_keys() as doc;
select results_eq(
  $$
    select
      k ->> 'role', k ->> 'hash', k -> 'schemas', k -> 'addresses', k -> 'ends_at', k -> 'revoked'
    from doc as d, jsonb_array_elements(d.doc -> 'keys') as k, made as m
    where k ->> 'id' = m.id
  $$,
  $$
    select 'service_role', encode(sha256(convert_to(m.key, 'UTF8')), 'hex'), '["public"]'::jsonb,
      '["192.0.2.0/24"]'::jsonb, 'null'::jsonb, 'false'::jsonb
    from made as m
  $$,
  'the login of requests reads what it checks with'
);
select set_eq(
  $$
    select k -> 'publishable' as publishable, s.id is not null as is_shared
    from doc as o
    cross join jsonb_array_elements(o.doc -> 'keys') as k
    left join shared as s on s.id = k ->> 'id'
  $$,
  $$ values ('true'::jsonb, true), ('false', false) $$,
  'and whether everybody has it'
);
select is(
  (
    select k -> 'revoked'
    from doc as o, jsonb_array_elements(o.doc -> 'keys') as k, dead as d
    where k ->> 'id' = d.id
  ),
  'true', 'revoked ones for a while'
);
select results_eq(
  $$ select d.doc -> 'issued_before', d.doc -> 'jtis', d.doc -> 'hashes' from doc as d $$,
  $$
    select '1001'::jsonb, '["abc"]'::jsonb,
      jsonb_build_array(encode(sha256('a.b.c'), 'hex'))
  $$,
  'and which JWTs are refused; a second that is not over counts whole'
);

set local role fluxbase_replication;
select isnt_empty($$ select auth.read_service_keys() $$, 'so does a process that follows');

set local role service_role;
select throws_ok($$ select auth.read_service_keys() $$, '42501', null, 'nobody else');
reset role;
set local role authenticated;
select throws_ok($$ select auth.read_service_keys() $$, '42501', null, 'least of all users');

select * from finish();
