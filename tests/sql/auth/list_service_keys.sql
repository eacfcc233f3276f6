select plan(4);

set local role service_role;
create temp table made as
  select i.id, i.key from auth.issue_service_key('one', expires_at => now() + interval '1 h') as i
  union all
  select i.id, i.key from auth.issue_service_key('two') as i;
reset role;
update auth.service_keys as k
set expires_at = now() - interval '1 s'
where k.name = 'one';
set local role service_role;
select results_eq(
  $$
    select l.name, l.state, starts_with(m.key, l.prefix || '_')
    from auth.list_service_keys() as l
    join made as m on m.id = l.id
    order by l.name
  $$,
  $$ values ('one', 'expired', true), ('two', 'active', true) $$,
  'all keys, by how they begin'
);
select is_empty(
  $$
    select
    from auth.list_service_keys() as l
    join made as m on m.id = l.id
    where strpos(l::text, encode(sha256(convert_to(m.key, 'UTF8')), 'hex')) > 0
    or strpos(l::text, split_part(m.key, '_', 4)) > 0
  $$,
  'and nothing of their secrets'
);

select isnt_empty(
  $$ select has_table_privilege('auth.service_key_revocations', 'select') $$, 'the decisions too'
);

set local role authenticated;
select throws_ok($$ select auth.list_service_keys() $$, '42501', null, 'not for users');

select * from finish();
