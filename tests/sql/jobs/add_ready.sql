select plan(5);

select lives_ok(
  $$
    select jobs.add_ready(array[
      row(-1, now(), '2020-01-01', null, 7, 2, 5, true, 'a', '[1]', '{"timeout": 1}')::jobs.waiting,
      row(-2, now(), '2020-01-02', null, 8, 0, 5, false, 'b', 'null', null)::jobs.waiting
    ])
  $$,
  'two jobs of two lanes'
);
select results_eq(
  $$
    select r.id, r.xid = pg_current_xact_id(), r.enqueued_at::date, r.lane, r.attempt::integer,
      r.special, r.kind, r.args, r.meta
    from jobs.ready as r
    where r.id < 0
    order by r.id desc
  $$,
  $$
    values
      (-1::bigint, true, date '2020-01-01', 7, 2, true, 'a', '[1]'::jsonb, '{"timeout": 1}'::jsonb),
      (-2, true, '2020-01-02', 8, 0, false, 'b', 'null', null)
  $$,
  'are added as they are, to the segment of the day'
);
select is(
  current_setting('fluxbase.jobs_woken'), ',7,,8,', 'and workers are woken, for each lane once'
);
select lives_ok($$ select jobs.add_ready('{}') $$, 'none are none');

set local role service_role;
select throws_ok($$ select jobs.add_ready('{}') $$, '42501', null, 'not for callers');

select * from finish();
