create or replace function functions.unset_secret(name text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- In the order of functions.set_secret: the version first.
  if not exists (select from functions.secrets as s where s.name = unset_secret.name) then
    return false;
  end if;
  perform functions.bump_secrets();
  delete from functions.secrets as s
  where s.name = unset_secret.name;
  if not found then
    return false;
  end if;
  perform audit.record('function_secret.unset', unset_secret.name);
  return true;
end;
$$;

comment on function functions.unset_secret(text) is
  'Takes a variable out of the environment of functions. Returns whether it was there.';

revoke all on function functions.unset_secret(text) from public;
grant execute on function functions.unset_secret(text) to service_role;
