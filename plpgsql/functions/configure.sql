create or replace function functions.configure(name text, settings jsonb)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform functions.lock(configure.name);
  if functions.change(configure.name, configure.settings) then
    perform audit.record(
      'function.configured', configure.name, jsonb_build_object('settings', configure.settings)
    );
  end if;
end;
$$;

comment on function functions.configure(text, jsonb) is
  'Changes what is named of the settings of a function, and leaves the others; null is the default
again: {"verify_jwt": false} lets requests in without a key or token; {"egress": ["api.example.com",
"*.example.org:443"]} are the only hosts that it may connect to, null all public ones; {"mode":
"oneshot"} gives each request a worker of its own; the limits are wall_ms and cpu_ms for each
request, memory_mb of a worker, max_request_bytes, max_output_bytes, concurrency (requests at once
in one worker), max_workers of a process and idle_seconds until one ends. Raises P0002 if there is
no such function, 22023 or 23514 for what cannot be.';

revoke all on function functions.configure(text, jsonb) from public;
grant execute on function functions.configure(text, jsonb) to service_role;
