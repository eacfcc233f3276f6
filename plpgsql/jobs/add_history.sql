create or replace function jobs.add_history(rows jobs.history[])
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  with told as (
    select * from unnest(add_history.rows)
  ),
  bucket as (
    select t.namespace, t.queue, t.at, u.bucket, sum(u.jobs)::bigint as jobs
    from told as t
    cross join lateral unnest(t.durations) with ordinality as u (jobs, bucket)
    group by t.namespace, t.queue, t.at, u.bucket
  ),
  taken as (
    select b.namespace, b.queue, b.at, array_agg(b.jobs order by b.bucket) as durations
    from bucket as b
    group by b.namespace, b.queue, b.at
  )
  insert into jobs.history as h (
    namespace, queue, at, ready, running, scheduled, blocked, dead, oldest_seconds, last_id,
    completed, failed, died, durations
  )
  select
    t.namespace, t.queue, t.at, max(t.ready), max(t.running), max(t.scheduled), max(t.blocked),
    max(t.dead), max(t.oldest_seconds), max(t.last_id), sum(t.completed), sum(t.failed),
    sum(t.died), coalesce(max(k.durations), '{}')
  from told as t
  left join taken as k on (k.namespace, k.queue, k.at) = (t.namespace, t.queue, t.at)
  group by t.namespace, t.queue, t.at
  on conflict on constraint history_pkey do update
  set ready = greatest(h.ready, excluded.ready),
      running = greatest(h.running, excluded.running),
      scheduled = greatest(h.scheduled, excluded.scheduled),
      blocked = greatest(h.blocked, excluded.blocked),
      dead = greatest(h.dead, excluded.dead),
      oldest_seconds = greatest(h.oldest_seconds, excluded.oldest_seconds),
      last_id = greatest(h.last_id, excluded.last_id),
      completed = h.completed + excluded.completed,
      failed = h.failed + excluded.failed,
      died = h.died + excluded.died,
      durations = array(
        select coalesce(u.a, 0) + coalesce(u.b, 0)
        from unnest(h.durations, excluded.durations) with ordinality as u (a, b, bucket)
        order by u.bucket
      );
end;
$$;

comment on function jobs.add_history(jobs.history[]) is
  'Adds to jobs.history what is told of queues and times: numbers of ends are summed, of the others
the highest counts.';

revoke all on function jobs.add_history(jobs.history[]) from public;
