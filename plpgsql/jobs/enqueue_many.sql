create or replace function jobs.enqueue_many(
  kind text,
  args jsonb[],
  queue text default 'default',
  namespace text default 'default',
  priority integer default 2,
  run_at timestamptz default null,
  max_attempts integer default 25,
  timeout interval default null,
  owner uuid default null
)
  returns bigint[]
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lane constant integer :=
    jobs.lane(enqueue_many.namespace, enqueue_many.queue, enqueue_many.priority);
  v_meta constant jsonb :=
    jobs.meta(enqueue_many.kind, enqueue_many.max_attempts, enqueue_many.timeout);
  v_now constant timestamptz := clock_timestamp();
  v_ids bigint[];
begin
  if run_at = 'infinity' then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a job may run at some time';
  end if;
  if args is null or array_position(args, null) is not null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'args is an array of JSON values, none of them null';
  end if;

  if run_at > v_now then
    with added as (
      insert into jobs.waiting (
        id, run_at, enqueued_at, owner, lane, attempt, max_attempts, special, kind, args, meta
      )
      select
        nextval('jobs.ids'), enqueue_many.run_at, v_now, coalesce(enqueue_many.owner, auth.uid()),
        v_lane, 0, enqueue_many.max_attempts, false, enqueue_many.kind, a.args, v_meta
      from unnest(enqueue_many.args) with ordinality as a (args, nr)
      order by a.nr
      returning id
    )
    select array_agg(d.id order by d.id) into v_ids
    from added as d;
  else
    with added as (
      insert into jobs.ready (
        id, xid, enqueued_at, owner, lane, segment, attempt, max_attempts, special, kind, args, meta
      )
      select
        nextval('jobs.ids'), pg_current_xact_id(), v_now, coalesce(enqueue_many.owner, auth.uid()),
        v_lane, o.segment, 0, enqueue_many.max_attempts, false, enqueue_many.kind, a.args, v_meta
      from unnest(enqueue_many.args) with ordinality as a (args, nr)
      cross join jobs.rotation as o
      order by a.nr
      returning id
    )
    select array_agg(d.id order by d.id) into v_ids
    from added as d;
    perform jobs.wake(v_lane);
  end if;
  return coalesce(v_ids, '{}');
end;
$$;

comment on function jobs.enqueue_many(
  text, jsonb[], text, text, integer, timestamptz, integer, interval, uuid
) is
  'Enqueues one job for each element of args, in their order, as jobs.enqueue does, and returns
their ids. All or none: they are there when the transaction commits.';

revoke all on function jobs.enqueue_many(
  text, jsonb[], text, text, integer, timestamptz, integer, interval, uuid
) from public;
grant execute on function jobs.enqueue_many(
  text, jsonb[], text, text, integer, timestamptz, integer, interval, uuid
) to service_role;
