set local role fluxbase_admin;

create table jobs.steps (
  job bigint not null,
  name text not null,
  result jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (job, name),
  constraint name_is_short check (length(name) between 1 and 500)
);

comment on table jobs.steps is
  'What parts of a job have come to, so that a later attempt goes on behind them. They go when the
job is completed or cancelled.';
comment on column jobs.steps.job is
  'Id of the job.';
comment on column jobs.steps.name is
  'Names the step in its job.';
comment on column jobs.steps.result is
  'What came of it.';
comment on column jobs.steps.at is
  'When it was done.';

create table jobs.events (
  namespace text not null,
  name text not null,
  payload jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (namespace, name),
  constraint name_is_short check (length(name) between 1 and 500)
);

create index events_at_idx on jobs.events (at);

comment on table jobs.events is
  'What has happened that jobs may wait for, each once, for 30 days.';
comment on column jobs.events.namespace is
  'Of the jobs.';
comment on column jobs.events.name is
  'What has happened, to what: such as order.paid:1234.';
comment on column jobs.events.payload is
  'What is to be said of it.';
comment on column jobs.events.at is
  'When it was told.';

create table jobs.awaits (
  job bigint primary key,
  namespace text not null,
  event text not null
);

create index awaits_event_idx on jobs.awaits (namespace, event);

comment on table jobs.awaits is
  'Jobs in jobs.waiting that an event ends the wait of.';
comment on column jobs.awaits.job is
  'Id of the job.';
comment on column jobs.awaits.namespace is
  'Of the job.';
comment on column jobs.awaits.event is
  'Name of the event.';

create table jobs.arrivals (
  id bigint generated always as identity primary key,
  namespace text not null,
  event text not null
);

comment on table jobs.arrivals is
  'Events of which jobs.deliver has to look who waits for them: one was told, or a job began to
wait. Whichever commits last is seen together with the other.';
comment on column jobs.arrivals.id is
  'Grows.';
comment on column jobs.arrivals.namespace is
  'Of the event.';
comment on column jobs.arrivals.event is
  'Its name.';

-- Policies (plpgsql/jobs/policies.sql) let service_role read.
alter table jobs.steps enable row level security;
alter table jobs.events enable row level security;
alter table jobs.awaits enable row level security;
alter table jobs.arrivals enable row level security;

alter type jobs.failure add attribute event text;

---- create above / drop below ----

set local role fluxbase_admin;

drop function if exists jobs.deliver();
drop function if exists jobs.emit(text, jsonb, text);
drop function if exists jobs.step(bigint, bigint, text, jsonb);
drop table jobs.arrivals;
drop table jobs.awaits;
drop table jobs.events;
drop table jobs.steps;
alter type jobs.failure drop attribute event;
