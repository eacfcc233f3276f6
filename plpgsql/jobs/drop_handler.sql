create or replace function jobs.drop_handler(kind text, namespace text default 'default')
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from jobs.handlers as h
  where h.kind = drop_handler.kind
  and h.namespace = drop_handler.namespace;
  if not found then
    return false;
  end if;
  perform pg_logical_emit_message(true, 'fluxbase.jobs', 'handlers');
  return true;
end;
$$;

comment on function jobs.drop_handler(text, text) is
  'Undoes jobs.set_handler, and drops the secrets of the handler. Returns whether there was one.';

revoke all on function jobs.drop_handler(text, text) from public;
grant execute on function jobs.drop_handler(text, text) to service_role;
