create or replace function functions.use_queue(queue text, namespace text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from functions.queues as q
    where q.namespace = use_queue.namespace
    and q.queue = use_queue.queue
  ) then
    return;
  end if;
  insert into functions.queues (namespace, queue)
  values (use_queue.namespace, use_queue.queue)
  on conflict on constraint queues_pkey do nothing;
  perform pg_logical_emit_message(true, 'fluxbase.jobs', 'handlers');
end;
$$;

comment on function functions.use_queue(text, text) is
  'Has serving processes work on a queue for the calls of functions.invoke.';

revoke all on function functions.use_queue(text, text) from public;
