select plan(8);

select jobs.enqueue_many('a', array_fill('{}'::jsonb, array[3]), queue => 'q');
set local role fluxbase_admin;
insert into jobs.history (namespace, queue, at, ready, completed, durations)
select '', '', date_trunc('hour', now()) - n * interval '10 seconds', n, 1, '{1}'
from generate_series(721, 732) as n
union all
values ('', '', now() - interval '2 days', 1, 1, '{1}'::bigint[]);

select ok(jobs.sample(), 'it is noted');
select ok(not jobs.sample(), 'once');
select results_eq(
  $$
  select h.queue, h.ready, h.running, h.oldest_seconds is not null, h.last_id is not null
  from jobs.history as h
  where h.at > now() - interval '1 minute'
  order by h.queue
  $$,
  $$ values ('', 3::bigint, 0::bigint, true, true), ('q', 3, 0, true, false) $$,
  'of all queues, and of each with something in it'
);
select results_eq(
  $$
  select date_trunc('hour', now()) - h.at, h.ready, h.completed, h.durations
  from jobs.history as h
  where h.at < now() - interval '1 hour'
  order by h.at
  $$,
  $$
  values (interval '2:02', 732::bigint, 6::bigint, '{6}'::bigint[]),
    ('2:01', 726, 6, '{6}')
  $$,
  'what is old, by minutes'
);
select is(count(*), 0::bigint, 'what is older is gone')
from jobs.history as h
where h.at < now() - interval '1 day';
update jobs.history as h
set ready = null
where h.at > now() - interval '1 minute';
select ok(jobs.sample(), 'also where ends were counted before');

set local role service_role;
select throws_ok($$ select jobs.sample() $$, '42501', null, 'not for the service role');
set local role anon;
select throws_ok($$ select jobs.sample() $$, '42501', null, 'not for anon');

select * from finish();
