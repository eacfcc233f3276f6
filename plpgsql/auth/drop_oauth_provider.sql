create or replace function auth.drop_oauth_provider(name text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from auth.oauth_providers as p
  where p.name = drop_oauth_provider.name;

  if not found then
    return false;
  end if;
  perform audit.record('oauth_provider.dropped', drop_oauth_provider.name);
  return true;
end;
$$;

comment on function auth.drop_oauth_provider(text) is
  'Takes a provider away, with what is under way there. Accounts that are linked stay so, for when
it is set again. Returns whether there was one.';

revoke all on function auth.drop_oauth_provider(text) from public;
grant execute on function auth.drop_oauth_provider(text) to service_role;
