create or replace function auth.drop_hook_secret(id uuid)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook text;
begin
  delete from auth.hook_secrets as s
  where s.id = drop_hook_secret.id
  returning s.hook into v_hook;

  if v_hook is null then
    return false;
  end if;
  perform audit.record(
    'hook_secret.dropped', v_hook, jsonb_build_object('id', drop_hook_secret.id)
  );
  return true;
end;
$$;

comment on function auth.drop_hook_secret(uuid) is
  'Drops a secret of a hook: calls are no longer signed with it. Tells whether there was one.';

revoke all on function auth.drop_hook_secret(uuid) from public;
grant execute on function auth.drop_hook_secret(uuid) to service_role;
