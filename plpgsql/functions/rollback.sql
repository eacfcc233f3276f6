create or replace function functions.rollback(name text, version integer default null)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_function constant functions.functions := functions.lock(rollback.name);
  v_version integer;
begin
  select max(v.version) into v_version
  from functions.versions as v
  where v.name = rollback.name
  and case
    when rollback.version is null then v.version < v_function.active
    else v.version = rollback.version
  end;
  if v_version is null then
    raise exception using
      errcode = 'no_data_found',
      message = format(
        'of the function "%s" no version %s is kept', rollback.name,
        coalesce(rollback.version::text, 'before ' || v_function.active)
      ),
      hint = format('select version from functions.versions(%L) lists them.', rollback.name);
  end if;

  if v_version <> v_function.active then
    update functions.functions as f
    set active = v_version,
        updated_at = clock_timestamp()
    where f.name = rollback.name;
    perform audit.record(
      'function.rolled_back', rollback.name,
      jsonb_build_object('from', v_function.active, 'to', v_version)
    );
  end if;
  return v_version;
end;
$$;

comment on function functions.rollback(text, integer) is
  'Has a version of a function answer that was deployed before, the last one before the active one
if none is given, and returns its number. The settings stay as they are. Raises P0002 if there is no
such function or version.';

revoke all on function functions.rollback(text, integer) from public;
grant execute on function functions.rollback(text, integer) to service_role;
