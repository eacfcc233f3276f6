create or replace function jobs.set_handler(
  kind text,
  function regprocedure default null,
  url text default null,
  queue text default 'default',
  namespace text default 'default',
  role text default 'service_role',
  timeout interval default null,
  edge_function text default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform jobs.meta(set_handler.kind, 1, set_handler.timeout);

  if coalesce(namespace, '') !~ '^[A-Za-z0-9_.:-]{1,100}$'
  or coalesce(queue, '') !~ '^[A-Za-z0-9_.:-]{1,100}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a queue and its namespace are named by 1 to 100 letters, digits or _ . : -';
  end if;

  if num_nonnulls(function, url, edge_function) <> 1 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a handler is a function, or a url, or an edge function';
  end if;

  if edge_function !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('an edge function can''t have the name %L', edge_function);
  end if;

  if url !~ '^https?://[^/@]+(/|$)' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the url of a handler is https://HOST/PATH, without a user';
  end if;

  if function is not null then
    if not exists (
      select from pg_proc as p
      where p.oid = function
      and p.prokind = 'f'
      and p.pronargs = 1
      and p.proargtypes[0] = 'jsonb'::regtype
    ) then
      raise exception using
        errcode = 'invalid_parameter_value', message = 'a handler is a function of one jsonb';
    end if;
    if not exists (select from pg_roles as r where r.rolname = set_handler.role) then
      raise exception using
        errcode = 'undefined_object', message = format('there is no role "%s"', set_handler.role);
    end if;
    if not has_function_privilege(set_handler.role, function, 'execute')
    or not has_schema_privilege(
      set_handler.role, (select p.pronamespace from pg_proc as p where p.oid = function), 'usage'
    ) then
      raise exception using
        errcode = 'insufficient_privilege',
        message = format('%s may not execute %s', set_handler.role, function),
        hint = 'Grant usage on its schema and execute on it.';
    end if;
  end if;

  insert into jobs.handlers as h (
    namespace, kind, queue, schema, function, role, url, timeout, edge_function
  )
  select
    set_handler.namespace, set_handler.kind, set_handler.queue, f.nspname, f.proname,
    set_handler.role, set_handler.url, set_handler.timeout,
    set_handler.edge_function
  from (values (set_handler.function)) as g (oid)
  left join (
    select p.oid, n.nspname, p.proname
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
  ) as f on f.oid = g.oid
  on conflict on constraint handlers_pkey do update
  set queue = excluded.queue,
      schema = excluded.schema,
      function = excluded.function,
      role = excluded.role,
      url = excluded.url,
      timeout = excluded.timeout,
      edge_function = excluded.edge_function;

  perform pg_logical_emit_message(true, 'fluxbase.jobs', 'handlers');
end;
$$;

comment on function jobs.set_handler(
  text, regprocedure, text, text, text, text, interval, text
) is
  'Has serving processes do the jobs of a kind, in a queue of a namespace: by a function of one
jsonb, which is given the args of the job, or the whole job if its argument has the name job, and is
called as role; by a signed POST to a url; or by an edge function, which is given the args as the
body of a POST. timeout is how long an attempt may take if the job does not say. Takes the place of
the kind''s former handler. Raises 22023 for what cannot be, 42501 if the role may not execute the
function.';

revoke all on function jobs.set_handler(
  text, regprocedure, text, text, text, text, interval, text
) from public;
grant execute on function jobs.set_handler(
  text, regprocedure, text, text, text, text, interval, text
) to service_role;
