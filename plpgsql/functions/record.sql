create or replace function functions.record(invocations jsonb, lines jsonb default '[]')
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into functions.invocations (
    id, at, function, version, duration_ms, cpu_ms, status, outcome, is_cold, is_truncated,
    output_bytes, memory_bytes, method, path, job, process, request_id, trace_id, caller, result
  )
  select
    i.id, i.at, i.function, i.version, i.duration_ms, i.cpu_ms, i.status, i.outcome,
    coalesce(i.is_cold, false), coalesce(i.is_truncated, false), i.output_bytes, i.memory_bytes,
    left(i.method, 40), left(i.path, 500), i.job, left(i.process, 200), left(i.request_id, 200),
    i.trace_id, left(i.caller, 300), left(i.result, 65536)
  from jsonb_to_recordset(record.invocations) as i (
    id uuid, at timestamptz, function text, version integer, duration_ms double precision,
    cpu_ms double precision, status smallint, outcome text, is_cold boolean, is_truncated boolean,
    output_bytes bigint, memory_bytes bigint, method text, path text, job bigint, process text,
    request_id text, trace_id text, caller text, result text
  )
  on conflict on constraint invocations_pkey do nothing;

  insert into functions.logs (
    invocation, at, seq, function, version, level, message, is_truncated
  )
  select
    l.invocation, l.at, l.seq, l.function, l.version, l.level, left(l.message, 65536),
    coalesce(l.is_truncated, false) or length(l.message) > 65536
  from jsonb_to_recordset(record.lines) as l (
    invocation uuid, at timestamptz, seq integer, function text, version integer, level text,
    message text, is_truncated boolean
  )
  on conflict on constraint logs_pkey do nothing;
end;
$$;

comment on function functions.record(jsonb, jsonb) is
  'Adds what functions did and said, many at once: arrays of objects whose keys are the columns of
functions.invocations and functions.logs. What is there already is left out, so that a batch can be
sent again. For the processes.';

revoke all on function functions.record(jsonb, jsonb) from public;
grant execute on function functions.record(jsonb, jsonb) to service_role;
