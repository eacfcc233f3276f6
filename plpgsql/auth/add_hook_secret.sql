create or replace function auth.add_hook_secret(hook text, id uuid, sealed text)
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into auth.hook_secrets (id, hook, sealed)
  values (
    auth.require_value(add_hook_secret.id, 'id'),
    auth.require_value(add_hook_secret.hook, 'hook'),
    auth.require_value(add_hook_secret.sealed, 'sealed')
  );

  select audit.record(
    'hook_secret.added', add_hook_secret.hook, jsonb_build_object('id', add_hook_secret.id)
  );
$$;

comment on function auth.add_hook_secret(text, uuid, text) is
  'Adds a secret, sealed for the row of this id, with which calls of a hook over HTTP are signed
beside those that it has. For processes: POST /api/v1/admin/hooks/NAME/secrets makes one.';

revoke all on function auth.add_hook_secret(text, uuid, text) from public;
grant execute on function auth.add_hook_secret(text, uuid, text) to service_role;
