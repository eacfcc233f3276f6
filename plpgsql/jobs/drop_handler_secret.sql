create or replace function jobs.drop_handler_secret(id uuid)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from jobs.handler_secrets as s
  where s.id = drop_handler_secret.id;
  if not found then
    return false;
  end if;
  perform pg_logical_emit_message(true, 'fluxbase.jobs', 'handlers');
  return true;
end;
$$;

comment on function jobs.drop_handler_secret(uuid) is
  'Drops a secret that jobs.add_handler_secret has added. Returns whether there was one.';

revoke all on function jobs.drop_handler_secret(uuid) from public;
grant execute on function jobs.drop_handler_secret(uuid) to service_role;
