create or replace function functions.versions(name text)
  returns table (
    version integer,
    is_active boolean,
    entrypoint text,
    digest text,
    files integer,
    bytes bigint,
    note text,
    deployed_at timestamptz,
    deployed_by text
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    v.version, v.version = f.active, v.entrypoint, v.digest, v.files, v.bytes, v.note,
    v.deployed_at, v.deployed_by
  from functions.versions as v
  join functions.functions as f on f.name = v.name
  where v.name = versions.name
  order by v.version desc;
$$;

comment on function functions.versions(text) is
  'The versions of a function that are kept, the last one first.';

revoke all on function functions.versions(text) from public;
grant execute on function functions.versions(text) to service_role;
