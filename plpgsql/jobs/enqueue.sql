create or replace function jobs.enqueue(
  kind text,
  args jsonb default '{}',
  queue text default 'default',
  namespace text default 'default',
  priority integer default 2,
  run_at timestamptz default null,
  unique_key text default null,
  on_conflict text default 'keep',
  max_attempts integer default 25,
  timeout interval default null,
  concurrency_key text default null,
  owner uuid default null
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_job jobs.waiting;
begin
  v_job.lane := jobs.lane(enqueue.namespace, enqueue.queue, enqueue.priority);
  v_job.meta := jobs.meta(
    enqueue.kind, enqueue.max_attempts, enqueue.timeout, enqueue.concurrency_key
  );
  if run_at = 'infinity' then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a job may run at some time';
  end if;
  if args is null then
    raise exception using
      errcode = 'null_value_not_allowed', message = 'args is a JSON value, at least {}';
  end if;

  v_job.special := unique_key is not null or concurrency_key is not null;
  if unique_key is not null then
    v_job.id := jobs.hold_key(
      enqueue.namespace, enqueue.unique_key, enqueue.on_conflict, enqueue.args, enqueue.run_at
    );
    -- Another job does it.
    if v_job.id < 0 then
      return -v_job.id;
    end if;
  else
    v_job.id := nextval('jobs.ids');
  end if;

  if run_at > v_now then
    insert into jobs.waiting (
      id, run_at, enqueued_at, owner, lane, attempt, max_attempts, special, kind, args, meta
    )
    values (
      v_job.id, enqueue.run_at, v_now, coalesce(enqueue.owner, auth.uid()), v_job.lane, 0,
      enqueue.max_attempts, v_job.special, enqueue.kind, enqueue.args, v_job.meta
    );
  elsif concurrency_key is not null then
    v_job.enqueued_at := v_now;
    v_job.owner := coalesce(owner, auth.uid());
    v_job.attempt := 0;
    v_job.max_attempts := max_attempts;
    v_job.kind := kind;
    v_job.args := args;
    perform jobs.add_ready(array[v_job]);
  else
    insert into jobs.ready (
      id, xid, enqueued_at, owner, lane, segment, attempt, max_attempts, special, kind, args, meta
    )
    select
      v_job.id, pg_current_xact_id(), v_now, coalesce(enqueue.owner, auth.uid()), v_job.lane,
      o.segment, 0, enqueue.max_attempts, v_job.special, enqueue.kind, enqueue.args, v_job.meta
    from jobs.rotation as o;
    perform jobs.wake(v_job.lane);
  end if;
  return v_job.id;
end;
$$;

comment on function jobs.enqueue(
  text, jsonb, text, text, integer, timestamptz, text, text, integer, interval, text, uuid
) is
  'Adds a job, of a kind that some worker knows, with its arguments, and returns its id. It is
there if and when the transaction commits. priority is 0 (most urgent) to 9; run_at is when it may
run first (null: now); it is tried max_attempts times (1 to 1000), each for at most timeout. Of
those with the same concurrency_key in the namespace one runs at a time, or as many as
jobs.limit_key says. owner is the user who may see it (null: who is asking, auth.uid()). While a
job with the same unique_key in the namespace has not ended, no second one is made, by
on_conflict: keep leaves that one as it is; replace gives it these args; debounce these args and
this run_at, so that it runs once no call has come for a while. What already runs is not changed:
for replace and debounce another job follows it. The id of the job that will run is returned.
Raises 22023 or 22004 for what cannot be.';

revoke all on function jobs.enqueue(
  text, jsonb, text, text, integer, timestamptz, text, text, integer, interval, text, uuid
) from public;
grant execute on function jobs.enqueue(
  text, jsonb, text, text, integer, timestamptz, text, text, integer, interval, text, uuid
) to service_role;
