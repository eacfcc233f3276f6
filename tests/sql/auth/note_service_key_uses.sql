select plan(4);

set local role service_role;
create temp table made as select i.id from auth.issue_service_key('one') as i;
grant select on made to authenticator;

set local role authenticator;
create function pg_temp.note(at bigint, address text) returns void language sql as $$
  select auth.note_service_key_uses(jsonb_agg(jsonb_build_object(
    'id', k.id, 'at', note.at, 'address', note.address
  )))
  from (select m.id from made as m union all select 'nothing') as k (id);
$$;
select pg_temp.note(1000, '192.0.2.7');
select pg_temp.note(900, '192.0.2.8');

set local role service_role;
create function pg_temp.used() returns text language sql as $$
  select extract(epoch from l.last_used_at)::int || ' ' || coalesce(host(l.last_used_from), '')
  from auth.list_service_keys() as l
  join made as m on m.id = l.id;
$$;
select is(pg_temp.used(), '1000 192.0.2.7', 'the latest use counts, whoever tells it');

set local role authenticator;
select pg_temp.note(1001, null);
set local role service_role;
select is(pg_temp.used(), '1001 ', 'from an address that nobody tells');

select throws_ok(
  $$ select auth.note_service_key_uses('[]') $$, '42501', null, 'the processes tell it alone'
);
reset role;
set local role authenticated;
select throws_ok($$ select auth.note_service_key_uses('[]') $$, '42501', null, 'not users');

select * from finish();
