create or replace function auth.list_hooks()
  returns table (name text, uri text, found boolean, secrets jsonb)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    h.name,
    h.uri,
    case when h.uri like 'pg-functions:%' then auth.find_hook(h.uri) is not null end,
    (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('id', s.id, 'created_at', s.created_at)
          order by s.created_at
        ),
        '[]'
      )
      from auth.hook_secrets as s
      where s.hook = h.name
    )
  from (
    select
      substr(k.name, 6, length(k.name) - 9) as name,
      nullif(auth.setting(k.name) #>> '{}', '') as uri
    from auth.known_settings() as k
    where k.name like 'hook\_%\_uri'
  ) as h
  order by h.name;
$$;

comment on function auth.list_hooks() is
  'The hooks of auth: the URI that is set (null: none), whether the function that it names is there
and may be called (null for one over HTTP), and which secrets sign its calls, without them.';

revoke all on function auth.list_hooks() from public;
grant execute on function auth.list_hooks() to service_role;
