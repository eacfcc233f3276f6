create or replace function jobs.sweep()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
begin
  -- What is asked of jobs.jobs is asked in a way that is not turned into a join with all of it.
  with old as (
    delete from jobs.totals as t
    where t.minute < clock_timestamp() - interval '30 days'
    and t.minute > '-infinity'
    returning t.lane, t.kind, t.outcome, t.jobs, t.seconds
  )
  insert into jobs.totals as t (minute, lane, kind, outcome, jobs, seconds)
  select '-infinity', o.lane, o.kind, o.outcome, sum(o.jobs), sum(o.seconds)
  from old as o
  group by o.lane, o.kind, o.outcome
  on conflict on constraint totals_pkey do update
  set jobs = t.jobs + excluded.jobs,
      seconds = t.seconds + excluded.seconds;

  with old as (
    delete from jobs.totals as t
    where t.minute < date_trunc('hour', clock_timestamp() - interval '1 day')
    and t.minute > '-infinity'
    and t.minute <> date_trunc('hour', t.minute)
    returning t.minute, t.lane, t.kind, t.outcome, t.jobs, t.seconds
  )
  insert into jobs.totals as t (minute, lane, kind, outcome, jobs, seconds)
  select date_trunc('hour', o.minute), o.lane, o.kind, o.outcome, sum(o.jobs), sum(o.seconds)
  from old as o
  group by date_trunc('hour', o.minute), o.lane, o.kind, o.outcome
  on conflict on constraint totals_pkey do update
  set jobs = t.jobs + excluded.jobs,
      seconds = t.seconds + excluded.seconds;

  delete from jobs.failures as f
  where f.at < clock_timestamp() - interval '30 days';

  delete from jobs.events as e
  where e.at < clock_timestamp() - interval '30 days';

  -- Of jobs that ended in the moment in which they were cancelled.
  delete from jobs.cancelled as c
  where c.at < clock_timestamp() - interval '1 minute'
  and coalesce((select j.state from jobs.jobs as j where j.id = c.id), 'dead')
    in ('dead', 'completed');

  -- Of jobs that ended while another transaction had the row.
  delete from jobs.specials as s
  where s.id in (
    select l.id
    from jobs.specials as l
    where coalesce((select j.state from jobs.jobs as j where j.id = l.id), '')
      not in ('ready', 'blocked', 'scheduled', 'running')
    for update of l skip locked
  );
end;
$$;

comment on function jobs.sweep() is
  'Deletes what has outlived its job, and failures that are older than 30 days. Counts are summed
up: by hours after a day, and all together after 30 days.';

revoke all on function jobs.sweep() from public;
