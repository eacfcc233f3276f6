create or replace function functions.change(name text, settings jsonb)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old functions.functions;
  v_new functions.functions;
  v_unknown text;
begin
  if jsonb_typeof(settings) is distinct from 'object' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'settings are an object, such as {"verify_jwt": false, "wall_ms": 30000}';
  end if;
  select string_agg(k.key, ', ') into v_unknown
  from jsonb_object_keys(change.settings) as k (key)
  where k.key not in (
    'verify_jwt', 'mode', 'wall_ms', 'cpu_ms', 'memory_mb', 'max_request_bytes',
    'max_output_bytes', 'concurrency', 'max_workers', 'idle_seconds', 'egress'
  );
  if v_unknown is not null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('a function has no setting %s', v_unknown),
      hint = 'There are verify_jwt, mode, egress and the limits wall_ms, cpu_ms, memory_mb, '
        'max_request_bytes, max_output_bytes, concurrency, max_workers and idle_seconds.';
  end if;

  select f.* into strict v_old
  from functions.functions as f
  where f.name = change.name;

  -- What is null goes back to the default.
  v_new := jsonb_populate_record(v_old, change.settings);
  v_new.verify_jwt := coalesce(v_new.verify_jwt, true);
  v_new.mode := coalesce(v_new.mode, 'per_worker');
  if v_new = v_old then
    return false;
  end if;

  update functions.functions as f
  set verify_jwt = v_new.verify_jwt,
      mode = v_new.mode,
      wall_ms = v_new.wall_ms,
      cpu_ms = v_new.cpu_ms,
      memory_mb = v_new.memory_mb,
      max_request_bytes = v_new.max_request_bytes,
      max_output_bytes = v_new.max_output_bytes,
      concurrency = v_new.concurrency,
      max_workers = v_new.max_workers,
      idle_seconds = v_new.idle_seconds,
      egress = v_new.egress,
      updated_at = clock_timestamp()
  where f.name = change.name;
  return true;
end;
$$;

comment on function functions.change(text, jsonb) is
  'Changes what is named of the settings of a function whose row the caller has locked; null is the
default again. Returns whether that changed anything. Raises 22023 and 23514 for what cannot be.';

revoke all on function functions.change(text, jsonb) from public;
