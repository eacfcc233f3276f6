create or replace function functions.secret_names()
  returns table (name text, updated_at timestamptz)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.name, s.updated_at
  from functions.secrets as s
  order by s.name;
$$;

comment on function functions.secret_names() is
  'Which secrets functions have, without their values.';

revoke all on function functions.secret_names() from public;
grant execute on function functions.secret_names() to service_role;
