select plan(10);

create function pg_temp.change(changes jsonb, in_all integer default 9)
  returns text
  language sql
as $$
  select concat(c.kept, ' ', c.refused)
  from realtime.change_connections('p', 'one', '5 s', change.in_all, 2, 1, change.changes) as c
$$;

set local role fluxbase_replication;

select is(
  pg_temp.change('[{"id": "1", "role": "anon", "ip": "a"}, {"id": "2", "role": "anon", "ip": "a"},
    {"id": "3", "role": "anon", "ip": "b"}, {"id": "4", "role": "anon"},
    {"id": "5", "role": "anon"}]'),
  'f {"2": "max_connections_per_ip"}',
  'so many of an address, if it is known'
);
select is(
  pg_temp.change('[{"id": "1", "role": "authenticated", "user_id": "u", "ip": "a"},
    {"id": "2", "role": "anon", "ip": "a"}]'),
  't {}',
  'who shows a user no longer counts for the address'
);
select is(
  pg_temp.change('[{"id": "6", "role": "authenticated", "user_id": "u", "ip": "a"},
    {"id": "2", "role": "authenticated", "user_id": "u", "ip": "a"}]'),
  't {"2": "max_connections_per_user"}',
  'so many of a user; who met the limit stays what it was'
);
select is(
  pg_temp.change('[{"id": "7", "role": "service_role", "ip": "a"},
    {"id": "8", "role": "service_role", "ip": "a"}]'),
  't {}',
  'servers of the application have one address'
);
select is(
  pg_temp.change('[{"id": "9", "role": "service_role"}, {"id": "1", "closed": true}]', 8),
  't {}',
  'what is released is free at once'
);
select is(
  pg_temp.change('[{"id": "10", "role": "service_role"},
    {"id": "11", "role": "anon", "ip": "a", "admitted": true},
    {"id": "nobody", "closed": true}]', 7),
  't {"10": "max_connections"}',
  'so many in all, but for those who were let in before'
);

reset role;

select results_eq(
  $$ select c.id, c.user_id, c.ip from realtime.connections as c order by 1 $$,
  $$ values ('11', null, 'a'), ('2', null, 'a'), ('3', null, 'b'), ('4', null, null),
     ('5', null, null), ('6', 'u', 'a'), ('7', null, 'a'), ('8', null, 'a'), ('9', null, null) $$,
  'these are in'
);

insert into fluxbase.settings (name, value)
values
  ('realtime.max_connections', '11'),
  ('realtime.max_connections_per_user', '1'),
  ('realtime.max_connections_per_ip', '2');

select is(
  pg_temp.change('[{"id": "12", "role": "anon", "ip": "b"}, {"id": "13", "role": "anon", "ip": "b"},
    {"id": "14", "role": "authenticated", "user_id": "u"}, {"id": "15", "role": "service_role"},
    {"id": "16", "role": "service_role"}]', 0),
  't {"13": "max_connections_per_ip", "14": "max_connections_per_user", "16": "max_connections"}',
  'settings come before the environment'
);

update realtime.proxies as p set live_until = '2000-01-01';
select realtime.remove_dead_proxies();
select is_empty($$ select from realtime.connections $$, 'those of dead processes are gone');

set local role service_role;

select throws_ok($$ select pg_temp.change('[]') $$, '42501', null, 'only processes admit');

select * from finish();
