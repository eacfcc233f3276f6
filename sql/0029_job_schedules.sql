-- squawk-ignore-file prefer-bigint-over-int

set local role fluxbase_admin;

create table jobs.schedules (
  name text primary key,
  namespace text not null,
  cron text not null,
  zone text not null,
  kind text not null,
  args jsonb not null,
  queue text not null,
  priority integer not null,
  max_attempts integer not null,
  timeout interval,
  concurrency_key text,
  missed text not null,
  is_enabled boolean not null default true,
  next_run_at timestamptz not null,
  last_run_at timestamptz,
  last_job_id bigint,
  last_error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_is_short check (name ~ '\S' and length(name) <= 200),
  constraint missed_is_known check (missed in ('skip', 'once', 'all'))
);

create index schedules_next_run_at_idx on jobs.schedules (next_run_at) where is_enabled;

comment on table jobs.schedules is
  'Jobs that come again and again. jobs.schedule sets one, jobs.run_schedules enqueues those that
are due.';
comment on column jobs.schedules.name is 'Names it, in all namespaces.';
comment on column jobs.schedules.namespace is 'The namespace of its jobs.';
comment on column jobs.schedules.cron is 'When it is due, as jobs.cron_next reads it.';
comment on column jobs.schedules.zone is 'The time zone of that.';
comment on column jobs.schedules.kind is 'What its jobs are.';
comment on column jobs.schedules.args is 'What they are given.';
comment on column jobs.schedules.queue is 'The queue that they are put into.';
comment on column jobs.schedules.priority is 'Their priority.';
comment on column jobs.schedules.max_attempts is 'How often each is tried at most.';
comment on column jobs.schedules.timeout is 'How long each attempt may take; null: no bound.';
comment on column jobs.schedules.concurrency_key is
  'Which of them do not run at the same time; null: no such bound.';
comment on column jobs.schedules.missed is
  'What becomes of times at which nobody enqueued: none of them (skip), one job for all (once), or
one for each (all).';
comment on column jobs.schedules.is_enabled is 'Whether it is not paused.';
comment on column jobs.schedules.next_run_at is
  'When it is due: the first time for which nothing was enqueued yet.';
comment on column jobs.schedules.last_run_at is
  'The time for which a job was enqueued last, or at which one was asked for.';
comment on column jobs.schedules.last_job_id is 'That job.';
comment on column jobs.schedules.last_error is
  'Why it could not be enqueued, and was paused; null after the next job.';
comment on column jobs.schedules.created_at is 'When it was set first.';
comment on column jobs.schedules.updated_at is 'When what it says was changed last.';

-- Its policy (plpgsql/jobs/policies.sql) lets service_role read.
alter table jobs.schedules enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

-- With what shows or takes one.
drop table jobs.schedules cascade;
