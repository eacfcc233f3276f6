create or replace function functions.delete(name text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- The row stays, with the number of its last version.
  update functions.functions as f
  set active = null,
      updated_at = clock_timestamp()
  where f.name = delete.name
  and f.active is not null;
  if not found then
    return false;
  end if;

  delete from functions.versions as v
  where v.name = delete.name;
  perform audit.record('function.deleted', delete.name);
  return true;
end;
$$;

comment on function functions.delete(text) is
  'Deletes a function with all its versions; what it did and said stays as long as that of others.
Returns whether there was one.';

revoke all on function functions.delete(text) from public;
grant execute on function functions.delete(text) to service_role;
