create or replace function jobs.list_handlers()
  returns table (
    namespace text,
    kind text,
    queue text,
    function text,
    role text,
    url text,
    timeout double precision,
    call text,
    whole boolean,
    secrets jsonb,
    edge_function text
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    h.namespace,
    h.kind,
    h.queue,
    case when h.function is not null then format('%I.%I', h.schema, h.function) end,
    h.role,
    h.url,
    extract(epoch from h.timeout),
    case when p.oid is not null then format('select %I.%I($1::jsonb)', h.schema, h.function) end,
    coalesce(p.proargnames[1] = 'job', false),
    (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('id', s.id, 'sealed', s.sealed)
          order by s.created_at desc
        ),
        '[]'
      )
      from jobs.handler_secrets as s
      where s.namespace = h.namespace
      and s.kind = h.kind
    ),
    h.edge_function
  from jobs.handlers as h
  left join pg_namespace as n on n.nspname = h.schema
  left join pg_proc as p
    on p.pronamespace = n.oid and p.proname = h.function and p.prokind = 'f'
    and p.pronargs = 1 and p.proargtypes[0] = 'jsonb'::regtype
  union all
  select
    q.namespace, 'functions.invoke', q.queue, null, 'service_role', null, null, null, false,
    '[]', '*'
  from functions.queues as q
  order by namespace, kind, queue;
$$;

comment on function jobs.list_handlers() is
  'What jobs.set_handler has set. call is the statement that calls the function, nothing if it is
not there any more, and whole tells that it is given the whole job. timeout are seconds; secrets are
sealed. Jobs of functions.invoke are done by the edge function *, which means the one that their
args name; they are here once for each queue that they were put into.';

revoke all on function jobs.list_handlers() from public;
grant execute on function jobs.list_handlers() to service_role;
