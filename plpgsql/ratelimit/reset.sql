create or replace function ratelimit.reset(key text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from ratelimit.states as s
  where s.key = reset.key;
  return found;
end;
$$;

comment on function ratelimit.reset(text) is
  'Makes the budget of a key full, which ratelimit.peek tells how to name. Processes that have
refused it know within a second. Returns whether it was not full.';

revoke all on function ratelimit.reset(text) from public;
grant execute on function ratelimit.reset(text) to service_role;
