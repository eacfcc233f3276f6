create or replace function jobs.enqueue_scheduled(
  schedule jobs.schedules,
  at timestamptz,
  unique_key text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
begin
  perform set_config('fluxbase.schedule', jsonb_build_object(
    'name', schedule.name,
    'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  )::text, true);
  v_job_id := jobs.enqueue(
    kind => schedule.kind,
    args => schedule.args,
    queue => schedule.queue,
    namespace => schedule.namespace,
    priority => schedule.priority,
    run_at => at,
    unique_key => enqueue_scheduled.unique_key,
    max_attempts => schedule.max_attempts,
    timeout => schedule.timeout,
    concurrency_key => schedule.concurrency_key
  );
  -- What else this transaction enqueues is of no schedule.
  perform set_config('fluxbase.schedule', '', true);
  return v_job_id;
end;
$$;

comment on function jobs.enqueue_scheduled(jobs.schedules, timestamptz, text) is
  'Enqueues the job of a schedule for a time, which it finds in its meta: {"schedule": {"name": …,
"at": …}}. Returns the job.';

revoke all on function jobs.enqueue_scheduled(jobs.schedules, timestamptz, text) from public;
