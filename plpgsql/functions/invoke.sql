create or replace function functions.invoke(
  name text,
  body jsonb default '{}',
  headers jsonb default '{}',
  path text default '',
  run_at timestamptz default null,
  queue text default 'functions',
  namespace text default 'default',
  priority integer default 2,
  unique_key text default null,
  on_conflict text default 'keep',
  max_attempts integer default 25,
  timeout interval default null,
  concurrency_key text default null,
  owner uuid default null
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong text;
begin
  if not exists (
    select
    from functions.functions as f
    where f.name = invoke.name
    and f.active is not null
  ) then
    raise exception using
      errcode = 'no_data_found',
      message = format('there is no function "%s"', invoke.name),
      hint = 'Deploy it first: fluxbase functions deploy, or functions.deploy.';
  end if;
  if jsonb_typeof(headers) is distinct from 'object' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'headers are {"NAME": "VALUE", ...}';
  end if;
  select h.key into v_wrong
  from jsonb_each(invoke.headers) as h (key, value)
  where h.key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100}$'
  or jsonb_typeof(h.value) <> 'string'
  or h.value #>> '{}' ~ '[^\t\x20-\x7e\u0080-\uffff]'
  or length(h.value #>> '{}') > 8000
  limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%L cannot be a header', v_wrong);
  end if;
  if path is null or length(path) > 2000 or path !~ '^(/[^[:space:][:cntrl:]#]*)?$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the path below the function is empty or begins with /';
  end if;

  perform functions.use_queue(invoke.queue, invoke.namespace);
  return jobs.enqueue(
    kind => 'functions.invoke',
    args => jsonb_strip_nulls(
      jsonb_build_object(
        'function', invoke.name,
        'headers', nullif(invoke.headers, '{}'),
        'path', nullif(invoke.path, '')
      )
    ) || jsonb_build_object('body', coalesce(invoke.body, 'null')),
    queue => invoke.queue,
    namespace => invoke.namespace,
    priority => invoke.priority,
    run_at => invoke.run_at,
    unique_key => invoke.unique_key,
    on_conflict => invoke.on_conflict,
    max_attempts => invoke.max_attempts,
    timeout => invoke.timeout,
    concurrency_key => invoke.concurrency_key,
    owner => invoke.owner
  );
end;
$$;

comment on function functions.invoke(
  text, jsonb, jsonb, text, timestamptz, text, text, integer, text, text, integer, interval, text,
  uuid
) is
  'Has a function called as a job, and returns the id of the job: a POST of the body as JSON, with
headers {"NAME": "VALUE"}, to a path below the function if one is given. An answer that is not 2xx
is a failure, and the call is tried again, after what Retry-After says of a 429 or 503, but never
after a 410; the rest is as in jobs.enqueue. A schedule that calls a function is one of the kind
functions.invoke: jobs.schedule(''nightly'', ''0 3 * * *'', ''functions.invoke'', ''{"function":
"report", "body": {}}'', queue => ''functions''). Raises P0002 if there is no such function, and
22023 for what cannot be.';

revoke all on function functions.invoke(
  text, jsonb, jsonb, text, timestamptz, text, text, integer, text, text, integer, interval, text,
  uuid
) from public;
grant execute on function functions.invoke(
  text, jsonb, jsonb, text, timestamptz, text, text, integer, text, text, integer, interval, text,
  uuid
) to service_role;
