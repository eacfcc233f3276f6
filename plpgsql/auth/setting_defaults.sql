create or replace function auth.setting_defaults()
  returns jsonb
  language sql
  immutable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_object_agg(k.name, k.fallback)
  from auth.known_settings() as k;
$$;

comment on function auth.setting_defaults() is
  'What each setting of auth says that nobody has changed. A constant in the plan of auth.setting.';

revoke all on function auth.setting_defaults() from public;
