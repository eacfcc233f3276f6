set local role fluxbase_admin;

create table jobs.handlers (
  namespace text not null,
  kind text not null,
  queue text not null,
  schema text,
  function text,
  role text not null,
  url text,
  timeout interval,
  primary key (namespace, kind),
  constraint does_one_thing check ((function is null) <> (url is null)),
  constraint function_has_schema check ((function is null) = (schema is null)),
  constraint timeout_is_positive check (timeout > '0' and timeout <= '30 days')
);

comment on table jobs.handlers is
  'What serving processes do by themselves for jobs, by kind. Kinds that are not listed are for
workers elsewhere, in queues that no row here names.';
comment on column jobs.handlers.namespace is
  'Of the jobs.';
comment on column jobs.handlers.kind is
  'Of the jobs.';
comment on column jobs.handlers.queue is
  'Which queue is worked on for them.';
comment on column jobs.handlers.schema is
  'Of the function. By names, because pg_upgrade takes no regprocedure.';
comment on column jobs.handlers.function is
  'A function of one jsonb: called with the args of the job, or with the whole job if its argument
has the name job.';
comment on column jobs.handlers.role is
  'As whom the function is called.';
comment on column jobs.handlers.url is
  'Where the job is posted to, signed as Standard Webhooks say. Whether it may be of a private
network the process decides (FLUXBASE_JOBS_PRIVATE_ADDRESSES).';
comment on column jobs.handlers.timeout is
  'How long one attempt may take if the job itself does not say; null: FLUXBASE_JOBS_TIMEOUT.';

create table jobs.handler_secrets (
  id uuid primary key,
  namespace text not null,
  kind text not null,
  sealed text not null,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (namespace, kind) references jobs.handlers (namespace, kind) on delete cascade
);

create index handler_secrets_kind_idx on jobs.handler_secrets (namespace, kind);

comment on table jobs.handler_secrets is
  'With what calls of a handler over HTTP are signed: with each secret that it has.';
comment on column jobs.handler_secrets.id is
  'Names it, and binds what is sealed to its row.';
comment on column jobs.handler_secrets.namespace is
  'Of the handler.';
comment on column jobs.handler_secrets.kind is
  'Of the handler.';
comment on column jobs.handler_secrets.sealed is
  'The secret, sealed under FLUXBASE_ENCRYPTION_KEY.';
comment on column jobs.handler_secrets.created_at is
  'When it was added.';

alter table jobs.handlers enable row level security;
alter table jobs.handler_secrets enable row level security;

-- Keys may be for jobs alone.
alter table auth.service_keys
  drop constraint modules_are_known,
  -- squawk-ignore constraint-missing-not-valid
  add constraint modules_are_known check (
    cardinality(modules) > 0 and modules <@ array['admin', 'auth', 'jobs', 'realtime', 'rest']
  );

---- create above / drop below ----

set local role fluxbase_admin;

alter table auth.service_keys
  drop constraint modules_are_known,
  add constraint modules_are_known check (
    cardinality(modules) > 0 and modules <@ array['admin', 'auth', 'realtime', 'rest']
  );

drop table jobs.handler_secrets;
drop table jobs.handlers;
