select plan(8);

set local role service_role;
select jobs.enqueue('k', priority => n.p, concurrency_key => 'one')
from (values (5), (2), (2)) as n (p);
select jobs.enqueue('k', concurrency_key => 'tenant:' || n.t)
from (values ('a'), ('a'), ('a'), ('b')) as n (t);
select jobs.limit_key('tenant:*', 2);

set local role fluxbase_admin;
select is(jobs.admit(), null, 'nobody waits for a time');
select results_eq(
  $$
    select s.key, count(*), min(j.priority)::integer
    from jobs.slots as s
    join jobs.jobs as j on j.id = s.id and j.state = 'ready'
    group by s.key
    order by s.key
  $$,
  $$ values ('one', 1::bigint, 2), ('tenant:a', 2, 2), ('tenant:b', 1, 2) $$,
  'as many as may, the most urgent first'
);
select is_empty($$ select from jobs.knocks $$, 'every knock is answered');

select jobs.free_slots(array(select s.id from jobs.slots as s where s.key = 'one'));
select jobs.admit();
select is(
  (select count(*) from jobs.blocked as b where b.key = 'one'), 1::bigint, 'then the next one'
);

set local role service_role;
select jobs.limit_key('slow', null, 0.001, 2);
select jobs.enqueue('k', concurrency_key => 'slow') from generate_series(1, 4);
set local role fluxbase_admin;
select ok(jobs.admit() > now() + interval '15 minutes', 'says when the next one''s turn comes');
select is(
  (select count(*) from jobs.slots as s where s.key = 'slow'), 2::bigint, 'the burst at once'
);
select jobs.admit();
select is(
  (select count(*) from jobs.knocks as k where k.key = 'slow'), 1::bigint, 'one knock is enough'
);

set local role service_role;
select throws_ok($$ select jobs.admit() $$, '42501', null, 'jobs.promote calls it');

select * from finish();
