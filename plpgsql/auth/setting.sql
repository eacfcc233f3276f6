create or replace function auth.setting(name text)
  returns jsonb
  language plpgsql
  stable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select s.value
      from auth.settings as s
      where s.name = setting.name
    ),
    auth.setting_defaults() -> setting.name
  );
end;
$$;

comment on function auth.setting(text) is
  'What a setting of auth says now; null for a name that none has.';

revoke all on function auth.setting(text) from public;
grant execute on function auth.setting(text) to service_role;
