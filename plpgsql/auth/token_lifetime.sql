create or replace function auth.token_lifetime()
  returns interval
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return make_interval(secs => auth.setting('jwt_exp')::integer);
end;
$$;

comment on function auth.token_lifetime() is
  'How long an access token is good that is made now.';

revoke all on function auth.token_lifetime() from public;
