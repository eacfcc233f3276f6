create or replace function jobs.get_job(id bigint)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_job jsonb;
  v_failures jsonb;
begin
  select to_jsonb(j) - 'lane' into v_job
  from jobs.jobs as j
  where j.id = get_job.id;

  select jsonb_agg(to_jsonb(f) - array['job', 'lane', 'owner'] order by f.id desc) into v_failures
  from (
    select f.*
    from jobs.failures as f
    where f.job = get_job.id
    order by f.job desc, f.attempt desc, f.id desc
    limit 50
  ) as f;

  -- What is left of one that was cancelled before it ran.
  if v_job is null then
    select jsonb_build_object(
      'id', f.job, 'state', case f.outcome when 'cancelled' then 'cancelled' else 'ended' end,
      'kind', f.kind, 'attempt', f.attempt, 'namespace', l.namespace, 'queue', l.queue,
      'priority', l.priority
    )
    into v_job
    from jobs.failures as f
    join jobs.lanes as l on l.id = f.lane
    where f.job = get_job.id
    order by f.attempt desc, f.id desc
    limit 1;
  end if;
  if v_job is null then
    raise exception using
      errcode = 'no_data_found',
      message = 'there is no job of this id, or it ended long ago';
  end if;

  return v_job || jsonb_build_object(
    'trace', substring(v_job #>> '{meta,traceparent}' from '^[0-9a-f]{2}-([0-9a-f]{32})-'),
    'unique_key', (
      select s.unique_key from jobs.specials as s where s.id = get_job.id
    ),
    'cancelled', (
      select jsonb_build_object('at', c.at, 'reason', c.reason)
      from jobs.cancelled as c
      where c.id = get_job.id
    ),
    'run', (
      select jsonb_build_object(
        'token', b.token, 'worker', b.worker, 'name', w.name, 'claimed_at', b.claimed_at
      )
      from jobs.batches as b
      left join jobs.workers as w on w.id = b.worker
      where b.jobs @> get_job.id
      and not b.done @> get_job.id
    ),
    'waits_for', (
      select a.event from jobs.awaits as a where a.job = get_job.id
    ),
    'event', (
      select jsonb_build_object('name', e.name, 'payload', e.payload, 'at', e.at)
      from jobs.awaits as a
      join jobs.events as e on e.namespace = a.namespace and e.name = a.event
      where a.job = get_job.id
    ),
    'steps', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('name', s.name, 'result', s.result, 'at', s.at) order by s.at, s.name
        ),
        '[]'
      )
      from (
        select s.* from jobs.steps as s where s.job = get_job.id order by s.name limit 100
      ) as s
    ),
    'failures', coalesce(v_failures, '[]')
  );
end;
$$;

comment on function jobs.get_job(bigint) is
  'All that is known of a job: as jobs.jobs has it, the id of its trace, its unique key, why it was
cancelled, under which token and by which worker it runs, for which event it waits and whether that
was told, its first 100 steps, and its last 50 failures with error and stack, the newest first. Of
one that has ended long ago only failures may be left. Raises P0002 for an id of which nothing is.';

revoke all on function jobs.get_job(bigint) from public;
grant execute on function jobs.get_job(bigint) to service_role;
