create or replace function jobs.run_schedules(
  now timestamptz default now(),
  most integer default 100
)
  returns table (name text, due_at timestamptz, job_id bigint)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due record;
begin
  for v_due in
    select d.name, greatest(run_schedules.most / count(*) over (), 1)::integer as share
    from (
      select s.name, s.next_run_at
      from jobs.schedules as s
      where s.is_enabled
      and s.next_run_at <= run_schedules.now
      order by s.next_run_at, s.name
      limit run_schedules.most
      -- Who has locked one enqueues it, and its next time is a later one after that.
      for update skip locked
    ) as d
    order by d.next_run_at, d.name
  loop
    begin
      return query
      select v_due.name, r.due_at, r.job_id
      from jobs.run_due(v_due.name, run_schedules.now, v_due.share) as r;
    exception
      -- The same again the next time, so the others must not wait for it.
      when data_exception or integrity_constraint_violation
      or syntax_error_or_access_rule_violation then
        raise warning 'schedule %: %', quote_literal(v_due.name), sqlerrm;
        update jobs.schedules as s
        set is_enabled = false,
            last_error = sqlerrm
        where s.name = v_due.name;
    end;
  end loop;
end;
$$;

comment on function jobs.run_schedules(timestamptz, integer) is
  'Enqueues what is due of all schedules by now, as each says of missed times, at most so many jobs:
what is left is due still. Each time comes once, whoever calls this at once, and however the clock
is set; a job finds the time for which it is in its meta (schedule, at). A schedule whose job cannot
be enqueued is paused, with the reason in last_error. Returns the jobs.';

revoke all on function jobs.run_schedules(timestamptz, integer) from public;
grant execute on function jobs.run_schedules(timestamptz, integer) to service_role;
