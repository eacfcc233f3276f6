create or replace function auth.seal_secret(factor_id uuid, secret text, sealed text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update auth.mfa_factors as f
  set secret = seal_secret.sealed
  where f.id = seal_secret.factor_id
  -- Another process may have been faster, or the user has another factor now.
  and f.secret = seal_secret.secret;
  return found;
end;
$$;

comment on function auth.seal_secret(uuid, text, text) is
  'Puts the sealed form in place of the secret of a factor, if that is still the secret. Returns
whether it was.';

revoke all on function auth.seal_secret(uuid, text, text) from public;
grant execute on function auth.seal_secret(uuid, text, text) to service_role;
