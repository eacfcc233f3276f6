create or replace function pagination.text_of(value anyelement)
  returns text
  language plpgsql
  stable
  parallel safe
  -- So that what is read back under any settings is the same value, to the last bit.
  set datestyle = 'ISO'
  set intervalstyle = 'postgres'
  set extra_float_digits = 1
as $$
begin
  return text_of.value::text;
end;
$$;

comment on function pagination.text_of(anyelement) is
  'A value as text that means the same whatever the settings of the session that reads it.';

revoke all on function pagination.text_of(anyelement) from public;
grant execute on function pagination.text_of(anyelement) to anon, authenticated, service_role;
