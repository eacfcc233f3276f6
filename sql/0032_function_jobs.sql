set local role fluxbase_admin;

-- A table of a few rows.
alter table jobs.handlers
  add column edge_function text,
  drop constraint does_one_thing,
  -- squawk-ignore constraint-missing-not-valid
  add constraint does_one_thing check (num_nonnulls(function, url, edge_function) = 1);

comment on column jobs.handlers.edge_function is
  'The edge function that is called with the args of the job as its body.';

create table functions.queues (
  namespace text not null,
  queue text not null,
  primary key (namespace, queue)
);

comment on table functions.queues is
  'Where functions.invoke has put calls, so that serving processes work on those queues.';
comment on column functions.queues.namespace is
  'Of the jobs.';
comment on column functions.queues.queue is
  'The queue.';

-- Its policy (plpgsql/functions/policies.sql) lets service_role read.
alter table functions.queues enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop table functions.queues;

delete from jobs.handlers
where edge_function is not null;

alter table jobs.handlers
  drop constraint does_one_thing,
  drop column edge_function,
  add constraint does_one_thing check ((function is null) <> (url is null));
