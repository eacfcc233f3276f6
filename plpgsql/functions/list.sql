create or replace function functions.list()
  returns table (
    name text,
    version integer,
    verify_jwt boolean,
    mode text,
    wall_ms integer,
    cpu_ms integer,
    memory_mb integer,
    max_request_bytes bigint,
    max_output_bytes bigint,
    concurrency integer,
    max_workers integer,
    idle_seconds integer,
    egress text[],
    entrypoint text,
    digest text,
    files integer,
    bytes bigint,
    note text,
    deployed_at timestamptz,
    deployed_by text,
    created_at timestamptz,
    updated_at timestamptz
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    f.name, f.active, f.verify_jwt, f.mode, f.wall_ms, f.cpu_ms, f.memory_mb, f.max_request_bytes,
    f.max_output_bytes, f.concurrency, f.max_workers, f.idle_seconds, f.egress, v.entrypoint,
    v.digest, v.files, v.bytes, v.note, v.deployed_at, v.deployed_by, f.created_at, f.updated_at
  from functions.functions as f
  join functions.versions as v on v.name = f.name and v.version = f.active
  order by f.name;
$$;

comment on function functions.list() is
  'The functions that are deployed: the active version of each, and its settings.';

revoke all on function functions.list() from public;
grant execute on function functions.list() to service_role;
