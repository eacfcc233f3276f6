create or replace function functions.bump_secrets()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into functions.settings as s (secrets_version)
  values (1)
  on conflict on constraint settings_pkey do update
  set secrets_version = s.secrets_version + 1;
end;
$$;

comment on function functions.bump_secrets() is
  'Gives the secrets a new version, and keeps others from changing them until the transaction
ends.';

revoke all on function functions.bump_secrets() from public;
