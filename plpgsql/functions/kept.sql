create or replace function functions.kept(
  out versions integer,
  out invocations interval,
  out logs interval
)
  returns record
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    coalesce(s.versions, 10),
    coalesce(s.invocations, '14 days'),
    coalesce(s.logs, '7 days')
  from (values (true)) as o (is_only)
  left join functions.settings as s using (is_only);
$$;

comment on function functions.kept() is
  'How many versions of a function are kept, and how long its invocations and logs are.';

revoke all on function functions.kept() from public;
grant execute on function functions.kept() to service_role;
