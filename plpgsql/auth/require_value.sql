create or replace function auth.require_value(value anyelement, name text)
  returns anyelement
  language plpgsql
  immutable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if require_value.value is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = format('%s must be given', require_value.name);
  end if;
  return require_value.value;
end;
$$;

comment on function auth.require_value(anyelement, text) is
  'The value of what must be given under a name, so that who left it out is told so and not of our
tables. Raises 22004 for null. For functions of ours.';

revoke all on function auth.require_value(anyelement, text) from public;
