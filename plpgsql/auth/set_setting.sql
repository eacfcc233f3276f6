create or replace function auth.set_setting(name text, value jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known record;
  v_value jsonb := set_setting.value;
begin
  select k.* into v_known
  from auth.known_settings() as k
  where k.name = set_setting.name;

  if not found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('auth has no setting "%s"', set_setting.name),
      hint = 'select name, about from auth.known_settings() lists them.';
  end if;

  if jsonb_typeof(v_value) = 'null' then
    v_value := null;
  end if;

  -- Zero or less is no length of time, and so means what holds anyway.
  if v_known.kind = 'positive' and jsonb_typeof(v_value) = 'number' and v_value <= '0' then
    v_value := null;
  end if;

  if (case v_known.kind
    when 'boolean' then jsonb_typeof(v_value) <> 'boolean'
    when 'algorithm' then
      jsonb_typeof(v_value) <> 'string'
      or v_value #>> '{}' not in ('ES256', 'EdDSA', 'RS256', 'HS256')
    when 'captcha' then
      jsonb_typeof(v_value) <> 'string'
      or v_value #>> '{}' not in ('', 'hcaptcha', 'turnstile', 'hook')
    when 'text' then jsonb_typeof(v_value) <> 'string'
    when 'texts' then
      jsonb_typeof(v_value) <> 'array'
      or jsonb_path_exists(v_value, '$[*] ? (@.type() != "string")')
    else jsonb_typeof(v_value) <> 'number' or v_value < '0' or v_value > '2147483647'
      or v_value::numeric <> trunc(v_value::numeric)
  end) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('the setting "%s" takes a %s', set_setting.name, v_known.kind);
  end if;

  if v_value is null then
    delete from auth.settings as s
    where s.name = set_setting.name;
  else
    insert into auth.settings as s (name, value, changed_by)
    values (set_setting.name, v_value, audit.actor())
    on conflict on constraint settings_pkey do update
    set value = excluded.value,
        changed_at = now(),
        changed_by = excluded.changed_by;
  end if;

  perform audit.record(
    'auth_setting.changed', set_setting.name, jsonb_build_object('value', v_value)
  );
  return coalesce(v_value, v_known.fallback);
end;
$$;

comment on function auth.set_setting(text, jsonb) is
  'Changes a setting of auth, from the commit on and without a restart; null, and zero or less
where a number must be positive, give back what held before. Returns what holds now. Raises 22023
for a name that no setting has, and for a value of another kind.';

revoke all on function auth.set_setting(text, jsonb) from public;
grant execute on function auth.set_setting(text, jsonb) to service_role;
