create or replace function functions.lock(name text)
  returns functions.functions
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_function functions.functions;
begin
  select f.* into v_function
  from functions.functions as f
  where f.name = lock.name
  and f.active is not null
  for update;

  if not found then
    raise exception using
      errcode = 'no_data_found',
      message = format('there is no function "%s"', lock.name),
      hint = 'select name from functions.list() names those that are deployed.';
  end if;
  return v_function;
end;
$$;

comment on function functions.lock(text) is
  'Returns a function that is deployed, and keeps others from changing it until the transaction
ends. Raises P0002 if there is none of this name.';

revoke all on function functions.lock(text) from public;
