create or replace function jobs.pause(
  queue text,
  namespace text default 'default',
  reason text default 'paused'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into jobs.queues as q (namespace, queue, paused_at, pause_reason)
  values (pause.namespace, pause.queue, clock_timestamp(), pause.reason)
  on conflict on constraint queues_pkey do update
  set paused_at = coalesce(q.paused_at, excluded.paused_at),
      pause_reason = excluded.pause_reason;
end;
$$;

comment on function jobs.pause(text, text, text) is
  'From its commit on no job of the queue is claimed, until jobs.resume. Those that run go on.';

revoke all on function jobs.pause(text, text, text) from public;
grant execute on function jobs.pause(text, text, text) to service_role;
