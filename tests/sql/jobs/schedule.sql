select plan(28);

set local role service_role;

select is(
  jobs.schedule('set', '30 2 * * *', 'report', '{"of": "day"}', zone => 'Europe/Berlin'),
  jobs.cron_next('30 2 * * *', 'Europe/Berlin'), 'when it is due next'
);
select results_eq(
  $$
    select
      s.namespace, s.cron, s.zone, s.kind, s.args, s.queue, s.priority, s.max_attempts,
      s.concurrency_key, s.timeout, s.missed, s.is_enabled, s.last_run_at, s.last_job_id
    from jobs.schedules as s
    where s.name = 'set'
  $$,
  $$
    values (
      'default', '30 2 * * *', 'Europe/Berlin', 'report', '{"of": "day"}'::jsonb, 'default', 2,
      25, null::text, null::interval, 'once', true, null::timestamptz, null::bigint
    )
  $$,
  'as it was said, and the rest as everywhere'
);

reset role;
update jobs.schedules as s
set next_run_at = '2026-01-01 00:00Z', updated_at = '2026-01-01', created_at = '2026-01-01'
where s.name = 'set';
set local role service_role;

select is(
  jobs.schedule(
    'set', '30 2 * * *', 'report', '{"of": "night"}', zone => 'Europe/Berlin', missed => 'all',
    queue => 'slow', namespace => 'tenant', priority => 1, max_attempts => 3,
    concurrency_key => 'report', timeout => '1 h'
  ),
  '2026-01-01 00:00Z', 'what is due stays due where the expression is the same'
);
select results_eq(
  $$
    select
      s.namespace, s.args, s.queue, s.priority, s.max_attempts, s.concurrency_key, s.timeout,
      s.missed, s.updated_at = now(), s.created_at
    from jobs.schedules as s
    where s.name = 'set'
  $$,
  $$
    values (
      'tenant', '{"of": "night"}'::jsonb, 'slow', 1, 3, 'report', interval '1 h', 'all', true,
      timestamptz '2026-01-01'
    )
  $$,
  'all else is what was said last'
);
select is(
  jobs.schedule('set', '30 2 * * *', 'report', zone => 'Asia/Kolkata'),
  jobs.cron_next('30 2 * * *', 'Asia/Kolkata'), 'in another zone it is due at another time'
);
select is(
  jobs.schedule('set', '@hourly', 'report', zone => 'Asia/Kolkata'),
  jobs.cron_next('@hourly', 'Asia/Kolkata'), 'and with another expression'
);

select jobs.pause_schedule('set');
select jobs.schedule('set', '@daily', 'report');
select results_eq(
  $$ select s.is_enabled from jobs.schedules as s where s.name = 'set' $$, array[false],
  'a paused one stays paused'
);
reset role;
update jobs.schedules as s set last_error = 'bad' where s.name = 'set';
set local role service_role;
select jobs.schedule('set', '@daily', 'report');
select results_eq(
  $$ select s.is_enabled, s.last_error from jobs.schedules as s where s.name = 'set' $$,
  $$ values (true, null::text) $$, 'but not one that was paused because it could not be'
);

select throws_ok($$ select jobs.schedule('a', '61 * * * *', 'b') $$, '22023', null, 'no minute');
select throws_ok($$ select jobs.schedule('a', '0 0 30 2 *', 'b') $$, '22023', null, 'no day');
select throws_ok(
  $$ select jobs.schedule('a', '@daily', 'b', zone => 'Mars/Base') $$, '22023', null, 'no zone'
);
select throws_ok(
  $$ select jobs.schedule('a', '@daily', 'b', missed => 'some') $$, '23514', null,
  'no such policy'
);
select throws_ok($$ select jobs.schedule(' ', '@daily', 'b') $$, '23514', null, 'no name');
select throws_ok(
  $$ select jobs.schedule(repeat('a', 201), '@daily', 'b') $$, '23514', null, 'too long a name'
);
select throws_ok(
  format('select jobs.schedule(%s)', a.args), '23502', null, a.args
)
from (values
  ('null, ''@daily'', ''b'''), ('''a'', null, ''b'''), ('''a'', ''@daily'', ''b'', null'),
  ('''a'', ''@daily'', ''b'', zone => null'), ('''a'', ''@daily'', ''b'', missed => null')
) as a (args);
select throws_ok(
  format('select jobs.schedule(''a'', ''@daily'', %s)', a.args), '22023', null, a.args
)
from (values
  ('null'), ('''b'', queue => ''a b'''), ('''b'', priority => 10'), ('''b'', max_attempts => 0')
) as a (args);
select is_empty(
  $$ select from jobs.schedules as s where s.name = 'a' $$, 'nothing is left of these'
);

select throws_ok(
  $$ update jobs.schedules set next_run_at = now() $$, '42501', null,
  'the functions are the only way'
);

set local role authenticated;
select throws_ok(
  $$ select jobs.schedule('a', '@daily', 'b') $$, '42501', null, 'not for users'
);
select throws_ok($$ select from jobs.schedules $$, '42501', null, 'who do not see any either');

set local role anon;
select throws_ok($$ select jobs.schedule('a', '@daily', 'b') $$, '42501', null, 'nor for anyone');

select * from finish();
