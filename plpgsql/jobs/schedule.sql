create or replace function jobs.schedule(
  name text,
  cron text,
  kind text,
  args jsonb default '{}',
  zone text default 'UTC',
  missed text default 'once',
  queue text default 'default',
  namespace text default 'default',
  priority integer default 2,
  max_attempts integer default 25,
  timeout interval default null,
  concurrency_key text default null
)
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_next_run_at timestamptz;
begin
  -- Better refused here than paused when it is due.
  perform jobs.lane(schedule.namespace, schedule.queue, schedule.priority);
  perform jobs.meta(
    schedule.kind, schedule.max_attempts, schedule.timeout, schedule.concurrency_key
  );

  insert into jobs.schedules as s (
    name, namespace, cron, zone, kind, args, queue, priority, max_attempts, timeout,
    concurrency_key, missed, next_run_at
  )
  values (
    schedule.name, schedule.namespace, schedule.cron, schedule.zone, schedule.kind, schedule.args,
    schedule.queue, schedule.priority, schedule.max_attempts, schedule.timeout,
    schedule.concurrency_key, schedule.missed,
    jobs.cron_next(schedule.cron, schedule.zone, now())
  )
  on conflict on constraint schedules_pkey do update
  set namespace = excluded.namespace,
      cron = excluded.cron,
      zone = excluded.zone,
      kind = excluded.kind,
      args = excluded.args,
      queue = excluded.queue,
      priority = excluded.priority,
      max_attempts = excluded.max_attempts,
      timeout = excluded.timeout,
      concurrency_key = excluded.concurrency_key,
      missed = excluded.missed,
      -- A deploy that says the same again must not lose what is due.
      next_run_at = case
        when (s.cron, s.zone) = (excluded.cron, excluded.zone) then s.next_run_at
        else excluded.next_run_at
      end,
      is_enabled = s.is_enabled or s.last_error is not null,
      last_error = null,
      updated_at = now()
  returning s.next_run_at into v_next_run_at;
  return v_next_run_at;
end;
$$;

comment on function jobs.schedule(
  text, text, text, jsonb, text, text, text, text, integer, integer, interval, text
) is
  'Enqueues a job of a kind with args again and again, when a cron expression is due in a time zone
(jobs.cron_next says what both may be). Sets it under its name, or changes what it says there; a
time that is due stays so, if the expression is the same, and a paused one stays paused. missed is
for times at which nobody enqueued, because all processes were down: skip lets those of more than a
minute ago go, once makes one job for all of them, all makes one for each, oldest first. The rest is
as in jobs.enqueue; with a concurrency_key, a job waits for the one before it. Returns when it is
due next. Raises 22023 for an expression or a zone that cannot be, with a hint, and for what
jobs.enqueue would not take, and 23514 for what else cannot be.';

revoke all on function jobs.schedule(
  text, text, text, jsonb, text, text, text, text, integer, integer, interval, text
) from public;
grant execute on function jobs.schedule(
  text, text, text, jsonb, text, text, text, text, integer, integer, interval, text
) to service_role;
