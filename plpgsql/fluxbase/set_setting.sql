create or replace function fluxbase.set_setting(name text, value jsonb)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if set_setting.value is null then
    delete from fluxbase.settings as s
    where s.name = set_setting.name;
    return;
  end if;
  insert into fluxbase.settings as s (name, value)
  values (set_setting.name, set_setting.value)
  on conflict on constraint settings_pkey do update
  set value = excluded.value,
      changed_at = now();
end;
$$;

comment on function fluxbase.set_setting(text, jsonb) is
  'Changes a setting for all processes, without a restart: it comes before that of their
environment, from the commit on. Null gives it back to the environment. Raises 23514 for a name that
no setting has, and for a value that it can''t have.';

revoke all on function fluxbase.set_setting(text, jsonb) from public;
grant execute on function fluxbase.set_setting(text, jsonb) to service_role;

drop policy if exists service_role_may_read on fluxbase.settings;
create policy service_role_may_read on fluxbase.settings
  for select to service_role
  using (true);
