create or replace function ratelimit.drop_rule(name text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from ratelimit.rules as r
  where r.name = drop_rule.name;
  return found;
end;
$$;

comment on function ratelimit.drop_rule(text) is
  'Takes back what ratelimit.set_rule has set under a name. Returns whether there was anything.';

revoke all on function ratelimit.drop_rule(text) from public;
grant execute on function ratelimit.drop_rule(text) to service_role;
