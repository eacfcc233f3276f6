select plan(9);

-- Of a month that nobody has made a partition for.
insert into audit.events (at, actor, action, target)
values ('2001-02-03 04:05Z', 'login:test', 'test.old', 'make_partitions.sql');
select audit.record('test.new', 'make_partitions.sql');

set local role service_role;
select isnt_empty($$ select audit.make_partitions() $$, 'it makes what is missing');
reset role;
select results_eq(
  $$
    select e.action, e.tableoid::regclass::text = 'audit.events_' || to_char(e.at, 'YYYY_MM')
    from audit.events as e
    where e.target = 'make_partitions.sql'
    order by e.id
  $$,
  $$ values ('test.old', true), ('test.new', true) $$,
  'what came before goes to its month, and nothing is lost'
);
select ok(
  to_regclass('audit.events_' || to_char(now() + interval '3 months', 'YYYY_MM')) is not null,
  'three months ahead'
);
select is_empty($$ select audit.make_partitions() $$, 'once');
select isnt_empty($$ select audit.make_partitions(4) $$, 'or more');
select throws_ok(
  $$ delete from audit.events where target = 'make_partitions.sql' $$, '42501',
  'events are only ever added', 'there too they stay'
);
select throws_ok(
  $$ truncate audit.events_2001_02 $$, '42501', 'events are only ever added', 'all of them'
);

set local role authenticator;
select is_empty($$ select audit.make_partitions() $$, 'for the login of processes');
reset role;
set local role authenticated;
select throws_ok($$ select audit.make_partitions() $$, '42501', null, 'not for users');

select * from finish();
