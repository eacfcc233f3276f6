create or replace function ratelimit.count_proxies()
  returns bigint
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select count(*)
  from fluxbase.proxies as p
  where p.live_until > clock_timestamp()
$$;

comment on function ratelimit.count_proxies() is
  'Returns how many processes follow the changes of this database now. More than one must not count
requests each for itself.';

revoke all on function ratelimit.count_proxies() from public;
grant execute on function ratelimit.count_proxies()
  to service_role, authenticator;
