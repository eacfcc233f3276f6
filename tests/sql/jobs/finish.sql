select plan(29);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada,
  '00000000-0000-4000-8000-000000000002'::uuid as bob;
grant select on ids to service_role;
create temporary table claimed (args integer primary key, id bigint, token bigint);
grant select, insert on claimed to service_role;
set local role service_role;
select jobs.enqueue_many(
  'mail', array(select to_jsonb(i) from generate_series(1, 12) as i), 'q', 'n'
);
reset role;
update jobs.ready
set xid = '3';
set local role service_role;
insert into claimed
select c.args::integer, c.id, c.token
from ids as i, jobs.claim(i.ada, 10, null, 'n', '1 min', 'ada') as c;

select is_empty(
  $$
    select f.event
    from ids as i, claimed as c, jobs.finish(i.ada, array[c.id], array[c.token]) as f
    where c.args = 1
  $$,
  'one job is done'
);
select results_eq(
  $$
    select f.event, c.args
    from ids as i, claimed as c, jobs.finish(i.ada, array[c.id], array[c.token]) as f
    where c.args = 1
  $$,
  $$ values ('lost', 1) $$,
  'once'
);
select results_eq(
  $$
    select f.event
    from ids as i, claimed as c, jobs.finish(i.bob, array[c.id], array[c.token]) as f
    where c.args = 2
  $$,
  $$ values ('lost') $$,
  'by no other worker'
);
select results_eq(
  $$
    select f.event
    from ids as i, claimed as c, jobs.finish(i.ada, array[c.id], array[c.token - 1]) as f
    where c.args = 2
  $$,
  $$ values ('lost') $$,
  'nor under another token'
);
select results_eq(
  $$
    select j.args, j.state
    from jobs.jobs as j
    where j.queue = 'q'
    order by j.id
    limit 2
  $$,
  $$ values ('1'::jsonb, 'completed'), ('2', 'running') $$,
  'that changed nothing'
);
select results_eq(
  $$
    select b.size, b.special, (
      select sum(upper(d) - lower(d))::integer
      from unnest(b.done) as d
    )
    from jobs.batches as b, ids as i
    where b.worker = i.ada
  $$,
  $$ values (10, false, 1) $$,
  'one of its batch has ended'
);

-- Failures, progress and more work in one call.
select results_eq(
  $$
    select f.event, f.args, f.attempt
    from ids as i, jobs.finish(
      i.ada,
      array(select c.id from claimed as c where c.args in (2, 3) order by c.id),
      array(select c.token from claimed as c where c.args in (2, 3) order by c.id),
      (
        select jsonb_agg(
          jsonb_build_object('id', c.id, 'token', c.token, 'error', 'bad', 'stack', 's')
        )
        from claimed as c
        where c.args in (3, 4)
      ),
      (
        select jsonb_agg(jsonb_build_object('id', c.id, 'token', c.token, 'percent', 50))
        from claimed as c
        where c.args = 5
      ),
      1, null, 'n'
    ) as f
  $$,
  $$ values ('run', '11'::jsonb, 1) $$,
  'all in one call'
);
select results_eq(
  $$
    select f.error, f.stack, c.args
    from jobs.failures as f
    join claimed as c on c.id = f.job
    order by c.args
  $$,
  $$ values ('bad', 's', 3), ('bad', 's', 4) $$,
  'what is said to be done and to have failed has failed'
);
select results_eq(
  $$ select p.percent from jobs.progress as p join claimed as c on c.id = p.id where c.args = 5 $$,
  $$ values (50::real) $$,
  'another has come half way'
);
select results_eq(
  $$ select t.outcome, t.jobs from jobs.tallies as t where t.kind = 'mail' order by t.id $$,
  $$ values ('completed', 1), ('completed', 1), ('failed', 2) $$,
  'all are counted'
);
select is_empty(
  $$
    select f.event
    from ids as i, claimed as c, jobs.finish(i.ada, array[c.id], array[c.token]) as f
    where c.args = 5
  $$,
  'when it is done'
);
select is_empty($$ select from jobs.progress as p join claimed as c on c.id = p.id $$,
  'its progress is forgotten'
);
select jobs.cancel(c.id, 'stop')
from claimed as c
where c.args = 6;
select results_eq(
  $$
    select f.event, c.args, f.meta ->> 'reason'
    from ids as i, jobs.finish(i.ada) as f
    join claimed as c on c.id = f.id
  $$,
  $$ values ('cancel', 6, 'stop') $$,
  'what is to stop is told, and why'
);
select is_empty(
  $$
    select f.event
    from ids as i, claimed as c, jobs.finish(i.ada, failed => jsonb_build_array(
      jsonb_build_object('id', c.id, 'token', c.token, 'outcome', 'cancelled')
    )) as f
    where c.args = 6
  $$,
  'until it has'
);
select is_empty(
  $$
    select f.event
    from ids as i, jobs.finish(
      i.ada,
      array(select c.id from claimed as c where c.args > 6 order by c.id),
      array(select c.token from claimed as c where c.args > 6 order by c.id)
    ) as f
  $$,
  'the rest of the batch'
);
select is_empty(
  $$ select from jobs.batches as b join claimed as c on b.token = c.token $$,
  'whose row goes with the last'
);
select ok(
  (select w.live_until > clock_timestamp() + interval '30 s' and w.name = 'ada'
   from jobs.workers as w, ids as i
   where w.id = i.ada),
  'it is a heartbeat too'
);
select is_empty($$ select f.event from ids as i, jobs.finish(i.bob) as f $$, 'nothing to say');
select is_empty(
  $$ select from jobs.workers as w, ids as i where w.id = i.bob $$, 'makes no worker'
);
select results_eq(
  $$ select f.args from ids as i, jobs.finish(i.bob, want => 5, namespace => 'n') as f $$,
  $$ values ('12'::jsonb) $$,
  'a claim does'
);
select results_eq(
  $$ select f.event, f.id from ids as i, jobs.finish(i.bob, '{1,2,5}', '{-1,-1,-1}') as f $$,
  $$ values ('lost', 1::bigint), ('lost', 2), ('lost', 5) $$,
  'ids that are none are lost'
);

select throws_ok($$ select from jobs.finish(null) $$, '22023', null, 'no worker');
select throws_ok(
  $$ select from ids as i, jobs.finish(i.ada, '{1}') $$, '22023', null, 'no token'
);
select throws_ok(
  $$ select from ids as i, jobs.finish(i.ada, null, null) $$, '22023', null, 'no arrays'
);
select throws_ok(
  $$ select from ids as i, jobs.finish(i.ada, failed => '{}') $$, '22023', null, 'no JSON array'
);
select throws_ok(
  $$ select from ids as i, jobs.finish(i.ada, '{1,null}', '{1,1}') $$, '22004', null, 'no id'
);
select throws_ok(
  $$ select from ids as i, jobs.finish(i.ada, failed => '[{"token": 1}]') $$, '22004', null,
  'no id of a failure'
);

set local role authenticated;
select throws_ok($$ select from jobs.finish(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select from jobs.finish(gen_random_uuid()) $$, '42501', null, 'nor for anon');

select * from finish();
