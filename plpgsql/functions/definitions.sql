create or replace function functions.definitions()
  returns table (
    name text,
    version integer,
    entrypoint text,
    digest text,
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
    egress text[]
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    f.name, f.active, v.entrypoint, v.digest, f.verify_jwt, f.mode, f.wall_ms, f.cpu_ms,
    f.memory_mb, f.max_request_bytes, f.max_output_bytes, f.concurrency, f.max_workers,
    f.idle_seconds, f.egress
  from functions.functions as f
  join functions.versions as v on v.name = f.name and v.version = f.active;
$$;

comment on function functions.definitions() is
  'What a process has to know of each function to serve it, all but its code and the secrets.';

revoke all on function functions.definitions() from public;
grant execute on function functions.definitions() to service_role;
