create or replace function functions.set_secret(name text, sealed text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if sealed is null or sealed not like 'fbs1.%' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the secret is not sealed, and was not stored',
      hint = 'fluxbase functions secrets set seals it.';
  end if;
  if name is null or name !~ '^[A-Z_][A-Z0-9_]{0,99}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a secret is named by up to 100 capitals, digits and _, the first no digit';
  end if;
  if name ~ '^(SUPABASE|FLUXBASE|DENO|SB)_' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%s is not yours to set', set_secret.name),
      hint = 'Names with SUPABASE_, FLUXBASE_, DENO_ or SB_ are given by the server itself.';
  end if;

  perform functions.bump_secrets();
  insert into functions.secrets as s (name, sealed)
  values (set_secret.name, set_secret.sealed)
  on conflict on constraint secrets_pkey do update
  set sealed = excluded.sealed,
      updated_at = clock_timestamp();
  perform audit.record('function_secret.set', set_secret.name);
end;
$$;

comment on function functions.set_secret(text, text) is
  'Puts a variable into the environment of all functions; its value is sealed for its place, as
fluxbase functions secrets set does. Raises 22023 for a name that cannot be, and for a value that is
not sealed.';

revoke all on function functions.set_secret(text, text) from public;
grant execute on function functions.set_secret(text, text) to service_role;
