create or replace function jobs.resume(queue text, namespace text default 'default')
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update jobs.queues as q
  set paused_at = null, pause_reason = null
  where q.queue = resume.queue
  and q.namespace = resume.namespace
  and q.paused_at is not null;
  if not found then
    return false;
  end if;

  perform jobs.wake(l.id)
  from jobs.lanes as l
  where l.queue = resume.queue
  and l.namespace = resume.namespace;
  return true;
end;
$$;

comment on function jobs.resume(text, text) is
  'Ends jobs.pause. Returns whether the queue was paused.';

revoke all on function jobs.resume(text, text) from public;
grant execute on function jobs.resume(text, text) to service_role;
