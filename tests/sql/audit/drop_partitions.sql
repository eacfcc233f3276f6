select plan(6);

insert into audit.events (at, actor, action, target)
values ('2001-02-03', 'login:test', 'test.old', 'drop_partitions.sql');
select audit.record('test.new', 'drop_partitions.sql');
select audit.make_partitions();

set local role service_role;
select throws_ok(
  $$ select audit.drop_partitions('1 day') $$, '22023', 'events are kept for 30 days at least',
  'what is new stays'
);
select throws_ok($$ select audit.drop_partitions(null) $$, '22023', null, 'null is no time');
select results_eq(
  $$ select audit.drop_partitions('1 year') $$, $$ values ('audit.events_2001_02') $$,
  'months that are older go'
);
select results_eq(
  $$ select e.action from audit.events as e where e.target = 'drop_partitions.sql' $$,
  $$ values ('test.new') $$,
  'and no others'
);
select isnt_empty(
  $$ select from audit.events as e where e.action = 'audit.dropped' $$, 'that is an event'
);

set local role authenticated;
select throws_ok($$ select audit.drop_partitions('1 year') $$, '42501', null, 'not for users');

select * from finish();
