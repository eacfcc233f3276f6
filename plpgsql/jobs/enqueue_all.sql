create or replace function jobs.enqueue_all(jobs jsonb)
  returns bigint[]
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_unknown text;
  v_group record;
  v_places bigint[] := '{}'::bigint[];
  v_ids bigint[] := '{}'::bigint[];
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'jobs is an array of objects';
  end if;

  select k.name into v_unknown
  from jsonb_array_elements(jobs) as j (job)
  cross join lateral jsonb_object_keys(j.job) as k (name)
  where k.name not in (
    'kind', 'args', 'queue', 'namespace', 'priority', 'run_at', 'unique_key', 'on_conflict',
    'max_attempts', 'timeout', 'owner', 'concurrency_key'
  )
  limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value', message = format('a job has no "%s"', v_unknown);
  end if;

  for v_group in
    select
      j.kind, j.run_at, j.unique_key, j.timeout, j.owner, j.concurrency_key,
      coalesce(j.queue, 'default') as queue,
      coalesce(j.namespace, 'default') as namespace,
      coalesce(j.priority, 2) as priority,
      coalesce(j.on_conflict, 'keep') as on_conflict,
      coalesce(j.max_attempts, 25) as max_attempts,
      array_agg(coalesce(j.args, '{}') order by j.place) as args,
      array_agg(j.place order by j.place) as places
    from rows from (
      jsonb_to_recordset(jobs) as (
        kind text, args jsonb, queue text, namespace text, priority integer, run_at timestamptz,
        unique_key text, on_conflict text, max_attempts integer, timeout interval, owner uuid,
        concurrency_key text
      )
    ) with ordinality as j (
      kind, args, queue, namespace, priority, run_at, unique_key, on_conflict, max_attempts,
      timeout, owner, concurrency_key, place
    )
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    order by min(j.place)
  loop
    v_places := v_places || v_group.places;
    if v_group.unique_key is null and v_group.concurrency_key is null then
      v_ids := v_ids || jobs.enqueue_many(
        v_group.kind, v_group.args, queue => v_group.queue, namespace => v_group.namespace,
        priority => v_group.priority, run_at => v_group.run_at,
        max_attempts => v_group.max_attempts, timeout => v_group.timeout, owner => v_group.owner
      );
    else
      for v_at in 1..cardinality(v_group.args) loop
        v_ids := v_ids || jobs.enqueue(
          v_group.kind, v_group.args[v_at], queue => v_group.queue,
          namespace => v_group.namespace, priority => v_group.priority,
          run_at => v_group.run_at, unique_key => v_group.unique_key,
          on_conflict => v_group.on_conflict, max_attempts => v_group.max_attempts,
          timeout => v_group.timeout, concurrency_key => v_group.concurrency_key,
          owner => v_group.owner
        );
      end loop;
    end if;
  end loop;

  return array(
    select u.id
    from unnest(v_places, v_ids) as u (place, id)
    order by u.place
  );
end;
$$;

comment on function jobs.enqueue_all(jsonb) is
  'Enqueues jobs that have not much in common: an array of objects with the arguments of
jobs.enqueue, of which only kind must be there. Returns their ids, in the same order. All or none.
Raises 22023 for what is no argument.';

revoke all on function jobs.enqueue_all(jsonb) from public;
grant execute on function jobs.enqueue_all(jsonb) to service_role;
