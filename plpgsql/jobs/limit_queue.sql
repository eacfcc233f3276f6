create or replace function jobs.limit_queue(
  queue text,
  concurrency integer default null,
  rate double precision default null,
  burst double precision default null,
  namespace text default 'default'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into jobs.queues as q (namespace, queue, concurrency, rate, burst)
  values (
    limit_queue.namespace, limit_queue.queue, limit_queue.concurrency, limit_queue.rate,
    case when limit_queue.rate is not null then coalesce(limit_queue.burst, 1) end
  )
  on conflict on constraint queues_pkey do update
  set concurrency = excluded.concurrency,
      rate = excluded.rate,
      burst = excluded.burst,
      full_at = case when excluded.rate is not null then q.full_at end;

  perform jobs.wake(l.id)
  from jobs.lanes as l
  where l.queue = limit_queue.queue
  and l.namespace = limit_queue.namespace;
end;
$$;

comment on function jobs.limit_queue(text, integer, double precision, double precision, text) is
  'Sets how many jobs of a queue run at once, over all workers (null: any number), how many begin
in a second (null: any number) and how many at once after a pause (null: one). What runs already
goes on. Raises 23514 for limits that are not positive.';

revoke all on function jobs.limit_queue(text, integer, double precision, double precision, text)
  from public;
grant execute on function jobs.limit_queue(text, integer, double precision, double precision, text)
  to service_role;
