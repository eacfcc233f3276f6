-- Any scan of jobs.batches looks good while that is empty, which it mostly is when a session plans
-- this; but what was deleted stays in the way while an old snapshot is held, also in the index on
-- worker. So its rows are looked up one by one.
create or replace function jobs.finish(
  worker uuid,
  done bigint[] default '{}',
  tokens bigint[] default '{}',
  failed jsonb default '[]',
  progress jsonb default '[]',
  want integer default 0,
  queues text[] default null,
  namespace text default 'default'
)
  returns setof jobs.claimed
  language plpgsql
  volatile
  security definer
  rows 100
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_group record;
  v_valid int8multirange;
  v_failed int8multirange := '{}'::int8multirange;
  v_count bigint;
  v_lease interval;
  v_name text;
  v_draining_at timestamptz;
begin
  if worker is null or done is null or failed is null or progress is null
  or cardinality(done) is distinct from cardinality(tokens)
  or jsonb_typeof(failed) <> 'array' or jsonb_typeof(progress) <> 'array' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'done and tokens have the same length, failed and progress are JSON arrays';
  end if;
  if array_position(done, null) is not null or array_position(tokens, null) is not null
  or exists (
    select from jsonb_to_recordset(finish.failed || finish.progress) as f (id bigint, token bigint)
    where f.id is null
    or f.token is null
  ) then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'each job is named by its id and its token';
  end if;

  -- One after the other: what is said of a batch twice counts once, and nothing of it counts when
  -- jobs.expire has taken it away.
  perform pg_advisory_xact_lock(7708, hashtext(finish.worker::text));

  select w.lease, w.name, w.draining_at into v_lease, v_name, v_draining_at
  from jobs.workers as w
  where w.id = finish.worker;
  if found then
    perform jobs.heartbeat(finish.worker, v_lease, v_name);
  end if;

  if progress <> '[]' then
    return query
    select p.*
    from jobs.store_progress(finish.worker, finish.progress) as p;
  end if;

  for v_group in
    select g.token, g.done - coalesce(g.failed, '{}') as done, g.failed, g.told, b.lane, b.kind,
      b.special, b.claimed_at, b.jobs, coalesce(b.done, '{}') as before
    from (
      select t.token,
        coalesce(range_agg(int8range(t.id, t.id + 1)) filter (where t.ok), '{}') as done,
        range_agg(int8range(t.id, t.id + 1)) filter (where not t.ok) as failed,
        range_agg(int8range(t.id, t.id + 1)) as told
      from (
        select d.id, d.token, true as ok
        from unnest(finish.done, finish.tokens) as d (id, token)
        union all
        select f.id, f.token, false
        from jsonb_to_recordset(finish.failed) as f (id bigint, token bigint)
        where finish.failed <> '[]'
      ) as t
      group by t.token
    ) as g
    left join lateral (
      select c.*
      from jobs.batches as c
      where c.token = g.token
      limit 1
    ) as b on b.worker = finish.worker
  loop
    v_valid := coalesce(v_group.told * (v_group.jobs - v_group.before), '{}');

    if v_valid <> v_group.told then
      return query
      select 'lost', i.id, v_group.token, null::text, null::jsonb, null::integer, null::integer,
        null::text, null::text, null::integer, null::timestamptz, null::jsonb
      from unnest(v_group.told - v_valid) as r (ids)
      cross join lateral generate_series(lower(r.ids), upper(r.ids) - 1) as i (id);
    end if;
    continue when isempty(v_valid);

    if v_group.jobs <@ (v_group.before + v_valid) then
      delete from jobs.batches as b
      where b.token = v_group.token
      returning b.special into v_group.special;
    else
      update jobs.batches as b
      set done = b.done + v_valid
      where b.token = v_group.token
      returning b.special into v_group.special;
    end if;

    v_group.done := v_group.done * v_valid;
    v_failed := v_failed + (v_valid - v_group.done);

    if not isempty(v_group.done) then
      if v_group.special then
        perform jobs.forget(v_group.done);
      end if;
      select sum(upper(r.ids) - lower(r.ids)) into v_count
      from unnest(v_group.done) as r (ids);
      insert into jobs.tallies (at, lane, kind, outcome, jobs, seconds)
      values (
        v_now, v_group.lane, v_group.kind, 'completed', v_count,
        v_count * extract(epoch from v_now - v_group.claimed_at)
      );
    end if;
  end loop;

  if not isempty(v_failed) then
    perform jobs.put_back(finish.worker, array(
      select row(
        f.id, f.outcome, f.error, f.stack, f.retry_in, f.discard, f.event
      )::jobs.failure
      from jsonb_to_recordset(finish.failed) as f (
        id bigint, outcome text, error text, stack text, retry_in double precision, discard boolean,
        event text
      )
      where v_failed @> f.id
    ));
  end if;

  -- What is to stop.
  if exists (select from jobs.cancelled as c) then
    return query
    select 'cancel', c.id, b.token, null::text, null::jsonb, null::integer, null::integer,
      null::text, null::text, null::integer, null::timestamptz,
      jsonb_build_object('reason', c.reason)
    from jobs.cancelled as c
    join jobs.batches as b on b.jobs @> c.id and not b.done @> c.id
    where b.worker = finish.worker;
  end if;

  -- What it has to say counts, whether it may claim or not.
  if want > 0 and v_draining_at is null then
    return query
    select c.*
    from jobs.claim(
      finish.worker, finish.want, finish.queues, finish.namespace, coalesce(v_lease, '30 seconds'),
      coalesce(v_name, '')
    ) as c;
  end if;
end;
$$;

comment on function jobs.finish(
  uuid, bigint[], bigint[], jsonb, jsonb, integer, text[], text
) is
  'All that a worker has to say in one call. done are ids of jobs that succeeded, tokens the token
of each. failed is an array of {"id", "token", "error", "stack", "outcome", "retry_in", "discard",
"event"}: outcome is failed (the default), timeout, cancelled, interrupted, or suspended, which
both give the attempt back; retry_in are seconds, else about the fourth power of the attempt, and
for interrupted and suspended none; discard makes it dead at once; with an event it is suspended
until jobs.emit tells of that, or retry_in seconds have passed. progress is an array of {"id",
"token", "percent", "message", "data"}. Then up to want jobs are claimed, as jobs.claim does.
Returns rows of the events run; lost, for each job that is not this worker''s any more under that
token, of which nothing was changed; and cancel, for each of its jobs that is to stop, with the
reason in meta. It also counts as a heartbeat. A worker that drains is given nothing more.';

revoke all on function jobs.finish(
  uuid, bigint[], bigint[], jsonb, jsonb, integer, text[], text
) from public;
grant execute on function jobs.finish(
  uuid, bigint[], bigint[], jsonb, jsonb, integer, text[], text
) to service_role;
