create or replace function auth.list_settings()
  returns table (
    name text,
    kind text,
    value jsonb,
    fallback jsonb,
    about text,
    changed_at timestamptz,
    changed_by text
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    k.name, k.kind, coalesce(s.value, k.fallback), k.fallback, k.about, s.changed_at, s.changed_by
  from auth.known_settings() as k
  left join auth.settings as s on s.name = k.name
  order by k.name;
$$;

comment on function auth.list_settings() is
  'The settings of auth: what each takes, holds now, holds unless it is changed, and is for; and who
changed it when, if somebody has.';

revoke all on function auth.list_settings() from public;
grant execute on function auth.list_settings() to service_role;
