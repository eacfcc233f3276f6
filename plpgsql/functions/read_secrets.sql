create or replace function functions.read_secrets()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'version', coalesce((select t.secrets_version from functions.settings as t), 0),
    'secrets', coalesce(
      (
        select jsonb_agg(jsonb_build_object('name', s.name, 'sealed', s.sealed) order by s.name)
        from functions.secrets as s
      ),
      '[]'
    )
  );
$$;

comment on function functions.read_secrets() is
  'The secrets as processes need them: {"version": N, "secrets": [{"name", "sealed"}]}. The version
grows with each change, but not when they are sealed again under another key.';

revoke all on function functions.read_secrets() from public;
grant execute on function functions.read_secrets() to service_role;
