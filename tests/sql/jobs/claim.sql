select plan(21);

create temporary table ids as
select '00000000-0000-4000-8000-000000000001'::uuid as ada,
  '00000000-0000-4000-8000-000000000002'::uuid as bob;
grant select on ids to service_role;

set local role service_role;
select jobs.enqueue_many('mail', '{1,2,3}', 'q', 'n', 5);
select jobs.enqueue('urgent', '4', 'q', 'n', 0);
select jobs.enqueue('other', '5', 'p', 'n', timeout => '1 min');
select jobs.enqueue('elsewhere', '6');
select is_empty(
  $$ select c.id from ids as i, jobs.claim(i.ada, 10, null, 'n') as c $$,
  'a transaction is not handed what it added'
);

reset role;
-- As if others had added them, long ago.
update jobs.ready
set xid = '3';
set local role service_role;

select results_eq(
  $$
    select c.event, c.kind, c.args, c.attempt, c.max_attempts, c.namespace, c.queue, c.priority,
      c.meta
    from ids as i, jobs.claim(i.ada, 2, '{q}', 'n') as c
  $$,
  $$
    values
      ('run', 'urgent', '4'::jsonb, 1, 25, 'n', 'q', 0, null::jsonb),
      ('run', 'mail', '1', 1, 25, 'n', 'q', 5, null)
  $$,
  'the most urgent first, at most as many as asked for'
);
select results_eq(
  $$ select c.kind, c.args, c.meta from ids as i, jobs.claim(i.bob, 10, null, 'n') as c $$,
  $$
    values
      ('other', '5'::jsonb, '{"timeout": 60.000000}'::jsonb), ('mail', '2', null),
      ('mail', '3', null)
  $$,
  'another worker has the rest of the namespace, of all queues'
);
select is_empty(
  $$ select c.id from ids as i, jobs.claim(i.bob, 10, null, 'n') as c $$, 'each once'
);
select results_eq(
  $$
    select b.worker, b.kind, b.size
    from jobs.batches as b
    order by b.token
  $$,
  $$
    select w.id, w.kind, w.size
    from ids as i
    cross join lateral (
      values (i.ada, 'urgent', 1), (i.ada, 'mail', 1), (i.bob, 'other', 1), (i.bob, 'mail', 2)
    ) as w (id, kind, size)
  $$,
  'each batch is of one worker, lane and kind'
);
select results_eq(
  $$
    select c.args, c.enqueued_at <= now() + interval '1 min'
    from ids as i, jobs.claim(i.ada) as c
  $$,
  $$ values ('6'::jsonb, true) $$,
  'one of the default namespace, unless told'
);
select is_empty(
  $$ select c.id from ids as i, jobs.claim(i.ada, 1, '{none}') as c $$, 'no such queue'
);
select is_empty($$ select c.id from ids as i, jobs.claim(i.ada, 1, '{}') as c $$, 'no queue');
select is_empty(
  $$ select c.id from ids as i, jobs.claim(i.ada, 1, null, 'x') as c $$, 'nowhere'
);
select results_eq(
  $$ select w.lease, w.name from ids as i join jobs.workers as w on w.id = i.ada $$,
  $$ values (interval '30 seconds', '') $$,
  'a claim is a heartbeat'
);
select lives_ok(
  $$ select c.id from ids as i, jobs.claim(i.ada, 10000, lease => '1 day', name => 'ada') as c $$,
  'ten thousand may be asked for'
);
select throws_ok($$ select jobs.claim(null) $$, '22023', null, 'no worker');
select throws_ok($$ select jobs.claim(i.ada, 0) from ids as i $$, '22023', null, 'no jobs');
select throws_ok($$ select jobs.claim(i.ada, null) from ids as i $$, '22023', null, 'no number');
select throws_ok($$ select jobs.claim(i.ada, 10001) from ids as i $$, '22023', null, 'too many');
select throws_ok(
  $$ select jobs.claim(gen_random_uuid(), lease => '2 days') $$, '23514', null, 'too long a lease'
);
select throws_ok(
  $$ select jobs.claim(gen_random_uuid(), lease => null) $$, '23502', null, 'no lease'
);

-- What is paused, or drained.
select jobs.enqueue('mail', '7', 'q', 'n');
reset role;
update jobs.ready
set xid = (select max(k.past) from jobs.cursors as k)
where args = '7';
set local role service_role;
select jobs.pause('q', 'n');
select is_empty(
  $$ select c.id from ids as i, jobs.claim(i.bob, 9, '{q}', 'n') as c $$, 'paused'
);
select jobs.resume('q', 'n');
select jobs.drain(i.bob)
from ids as i;
select throws_ok(
  $$ select jobs.claim(i.bob) from ids as i $$, '55000', null, 'who drains claims no more'
);

set local role authenticated;
select throws_ok($$ select jobs.claim(gen_random_uuid()) $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select jobs.claim(gen_random_uuid()) $$, '42501', null, 'not for anon');

select * from finish();
