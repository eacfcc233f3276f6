create or replace function jobs.add_handler_secret(
  kind text,
  id uuid,
  sealed text,
  namespace text default 'default'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into jobs.handler_secrets (id, namespace, kind, sealed)
  select add_handler_secret.id, h.namespace, h.kind, add_handler_secret.sealed
  from jobs.handlers as h
  where h.namespace = add_handler_secret.namespace
  and h.kind = add_handler_secret.kind
  and h.url is not null
  -- One that is dropped at this moment is none.
  for key share;
  if not found then
    raise exception using
      errcode = 'no_data_found', message = 'no handler of this kind calls a url';
  end if;
  perform pg_logical_emit_message(true, 'fluxbase.jobs', 'handlers');
end;
$$;

comment on function jobs.add_handler_secret(text, uuid, text, text) is
  'Adds a secret, sealed for the row of this id, with which calls of a handler are signed beside
those that it has. For processes: POST /jobs/v1/handlers/KIND/secrets makes one. Raises P0002 if
there is no such handler.';

revoke all on function jobs.add_handler_secret(text, uuid, text, text) from public;
grant execute on function jobs.add_handler_secret(text, uuid, text, text) to service_role;
