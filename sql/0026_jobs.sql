-- squawk-ignore-file prefer-bigint-over-int, prefer-bigint-over-smallint

create schema jobs authorization fluxbase_admin;

comment on schema jobs is
  'Fluxbase: a queue of work to do later. psql, HTTP and workers call the same functions: enqueue,
claim, finish, cancel, retry and the others.';

grant usage on schema jobs to service_role, authenticated;

set local role fluxbase_admin;

create table jobs.queues (
  namespace text not null,
  queue text not null,
  paused_at timestamptz,
  pause_reason text,
  aging interval not null default '1 minute',
  primary key (namespace, queue),
  constraint aging_is_positive check (aging > '0'),
  constraint paused_for_a_reason check ((paused_at is null) = (pause_reason is null))
);

comment on table jobs.queues is
  'Settings of queues; a queue without a row has the defaults.';
comment on column jobs.queues.namespace is
  'Keeps applications apart that share a database.';
comment on column jobs.queues.queue is
  'The name of the queue in its namespace.';
comment on column jobs.queues.paused_at is
  'Since when nothing of it is claimed; null if it is not paused.';
comment on column jobs.queues.pause_reason is
  'Why, for people.';
comment on column jobs.queues.aging is
  'A job that has waited for so long counts as one priority more urgent.';

create table jobs.lanes (
  id integer generated always as identity primary key,
  namespace text not null,
  queue text not null,
  priority smallint not null
);

-- Not unique: whoever makes one would have to wait for all that made it before and have not
-- committed.
create index lanes_namespace_queue_priority_idx on jobs.lanes (namespace, queue, priority, id);

comment on table jobs.lanes is
  'One for each priority of each queue that was ever used, or more, if some made it at once: jobs
of a lane run in the order of their commits.';
comment on column jobs.lanes.id is
  'Names the lane in the tables below, and its lock: pg_advisory_xact_lock(7707, id).';
comment on column jobs.lanes.namespace is
  'As in jobs.queues.';
comment on column jobs.lanes.queue is
  'As in jobs.queues.';
comment on column jobs.lanes.priority is
  'The lower the more urgent.';

create sequence jobs.ids as bigint;

comment on sequence jobs.ids is
  'Ids of jobs.';

create table jobs.rotation (
  id boolean primary key default true,
  segment smallint not null default 0,
  rotated_at timestamptz not null default clock_timestamp(),
  tallied bigint not null default 0,
  constraint there_is_one check (id)
);

comment on table jobs.rotation is
  'One row: which segment of jobs.ready takes new jobs.';
comment on column jobs.rotation.id is
  'Always true.';
comment on column jobs.rotation.segment is
  'Number of the partition.';
comment on column jobs.rotation.rotated_at is
  'Since when.';
comment on column jobs.rotation.tallied is
  'Up to which id all of jobs.tallies was added to jobs.totals by then, but for what committed
late.';

insert into jobs.rotation default values;

create table jobs.homes (
  xid xid not null
);

comment on table jobs.homes is
  'One row: that the transactions which jobs.ready and jobs.cursors speak of are those of this
server. If it was restored from a dump its xmin is another, and jobs.adopt is to be called. No
primary key: an extension that is restored has made one of its own before.';
comment on column jobs.homes.xid is
  'The transaction that wrote this row, as in its xmin.';

insert into jobs.homes (xid)
values ('0');
update jobs.homes
set xid = xmin;

-- No foreign keys and no check constraints: what is written here for each job is what a job costs.
create table jobs.ready (
  id bigint not null,
  xid xid8 not null,
  enqueued_at timestamptz not null,
  owner uuid,
  lane integer not null,
  segment smallint not null,
  attempt smallint not null,
  max_attempts smallint not null,
  special boolean not null,
  kind text not null,
  args jsonb not null,
  meta jsonb
)
partition by list (segment);

comment on table jobs.ready is
  'Jobs that may run. Rows are only ever added; a segment is truncated when none of its jobs is left
to run, so that no transaction however long makes the queue slower. Which rows have been handed out
is in jobs.cursors.';
comment on column jobs.ready.id is
  'Of the job. One that is tried again is added again, under the same id.';
comment on column jobs.ready.xid is
  'The transaction that added it.';
comment on column jobs.ready.enqueued_at is
  'When the job was first enqueued.';
comment on column jobs.ready.owner is
  'The user who may see it; null for nobody''s.';
comment on column jobs.ready.lane is
  'Where it waits: jobs.lanes.';
comment on column jobs.ready.segment is
  'Which partition holds it.';
comment on column jobs.ready.attempt is
  'How often it was tried before.';
comment on column jobs.ready.max_attempts is
  'How often it is tried at most.';
comment on column jobs.ready.special is
  'Whether jobs.specials has more of it.';
comment on column jobs.ready.kind is
  'What is to be done: names the worker''s function.';
comment on column jobs.ready.args is
  'With what.';
comment on column jobs.ready.meta is
  'timeout in seconds, traceparent (W3C Trace Context), and what else is said of it; or null.';

create table jobs.ready_0 partition of jobs.ready for values in (0);
create table jobs.ready_1 partition of jobs.ready for values in (1);
create table jobs.ready_2 partition of jobs.ready for values in (2);
-- Who publishes all tables changes no row of these any more without an identity.
alter table jobs.homes replica identity full;
alter table jobs.ready replica identity full;
alter table jobs.ready_0 replica identity full;
alter table jobs.ready_1 replica identity full;
alter table jobs.ready_2 replica identity full;

create index ready_lane_idx on jobs.ready (lane, xid, id);
create index ready_id_idx on jobs.ready (id);
create index ready_owner_idx on jobs.ready (owner) where owner is not null;

comment on table jobs.ready_0 is
  'The first segment.';
comment on table jobs.ready_1 is
  'The second segment.';
comment on table jobs.ready_2 is
  'The third segment.';

create table jobs.cursors (
  lane integer not null,
  seq bigint not null,
  first bigint not null,
  past xid8 not null,
  past_open xid8[] not null,
  seen xid8,
  seen_open xid8[],
  xid xid8,
  id bigint,
  primary key (lane, seq)
);

comment on table jobs.cursors is
  'What of a lane has been handed out, by its row of the highest seq: all of the transactions before
past that are not in past_open; and, where seen is not null, of those before seen that are not in
seen_open, up to the row (xid, id). So a transaction that commits late is not passed over, and one
that stays open holds up nobody (the ticks of Skytools'' PgQ).';
comment on column jobs.cursors.lane is
  'Of jobs.lanes.';
comment on column jobs.cursors.seq is
  'One more than that of the row before. That is deleted some time later, not updated: a chain of
old versions would have to be walked while an old snapshot is held.';
comment on column jobs.cursors.first is
  'The lowest seq of a row that may not be deleted yet: what is deleted is not looked at again.';
comment on column jobs.cursors.past is
  'The first transaction that had not begun at the last look but one.';
comment on column jobs.cursors.past_open is
  'Those that had begun by then, and not ended.';
comment on column jobs.cursors.seen is
  'As past, of the last look; null if all that it showed has been handed out.';
comment on column jobs.cursors.seen_open is
  'As past_open, of the last look.';
comment on column jobs.cursors.xid is
  'Transaction of the last row that was handed out of the last look.';
comment on column jobs.cursors.id is
  'Job of that row.';

create table jobs.workers (
  id uuid primary key,
  name text not null,
  lease interval not null,
  live_until timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  draining_at timestamptz,
  constraint lease_is_sensible check (lease between '1 second' and '1 day')
);

comment on table jobs.workers is
  'Who works on jobs. What one of them has claimed is given to others when it was not heard of for
the time of its lease.';
comment on column jobs.workers.id is
  'Made by the worker, a new one for each process.';
comment on column jobs.workers.name is
  'For people.';
comment on column jobs.workers.lease is
  'For how long it may be silent.';
comment on column jobs.workers.live_until is
  'When that ends, unless it is heard of.';
comment on column jobs.workers.started_at is
  'When it was first heard of.';
comment on column jobs.workers.draining_at is
  'Since when it finishes what it has and claims no more; null if it works.';

create table jobs.batches (
  token bigint generated always as identity primary key,
  worker uuid not null,
  lane integer not null,
  kind text not null,
  size integer not null,
  jobs int8multirange not null,
  done int8multirange not null default '{}',
  special boolean not null,
  claimed_at timestamptz not null
);

create index batches_worker_idx on jobs.batches (worker);

comment on table jobs.batches is
  'Jobs that are being worked on, in groups that were claimed at once. A row goes when all its jobs
have ended.';
comment on column jobs.batches.token is
  'The fencing token of its jobs: of two claims of a job the later has the higher one.';
comment on column jobs.batches.worker is
  'Who claimed them: jobs.workers.';
comment on column jobs.batches.lane is
  'Where they waited.';
comment on column jobs.batches.kind is
  'Of all of them.';
comment on column jobs.batches.size is
  'How many they are.';
comment on column jobs.batches.jobs is
  'Their ids.';
comment on column jobs.batches.done is
  'Those that have ended.';
comment on column jobs.batches.special is
  'Whether other tables may have rows of them, which have to go when they end.';
comment on column jobs.batches.claimed_at is
  'When they were claimed.';

create table jobs.waiting (
  id bigint primary key,
  run_at timestamptz not null,
  enqueued_at timestamptz not null,
  owner uuid,
  lane integer not null,
  attempt smallint not null,
  max_attempts smallint not null,
  special boolean not null,
  kind text not null,
  args jsonb not null,
  meta jsonb
);

create index waiting_run_at_idx on jobs.waiting (run_at);
create index waiting_owner_idx on jobs.waiting (owner) where owner is not null;

comment on table jobs.waiting is
  'Jobs that may not run yet: those for a later time, and those that are tried again. Columns as in
jobs.ready.';
comment on column jobs.waiting.id is
  'Of the job.';
comment on column jobs.waiting.run_at is
  'From when on it may run; infinity for one whose segment was to be truncated while it ran.';
comment on column jobs.waiting.enqueued_at is
  'When it was first enqueued.';
comment on column jobs.waiting.owner is
  'The user who may see it.';
comment on column jobs.waiting.lane is
  'Where it waits then.';
comment on column jobs.waiting.attempt is
  'How often it was tried before.';
comment on column jobs.waiting.max_attempts is
  'How often it is tried at most.';
comment on column jobs.waiting.special is
  'Whether jobs.specials has more of it.';
comment on column jobs.waiting.kind is
  'What is to be done.';
comment on column jobs.waiting.args is
  'With what.';
comment on column jobs.waiting.meta is
  'What else is said of it.';

create table jobs.specials (
  id bigint primary key,
  namespace text not null,
  unique_key text,
  args jsonb,
  run_at timestamptz,
  unique (namespace, unique_key),
  constraint unique_key_is_short check (length(unique_key) between 1 and 500)
);

comment on table jobs.specials is
  'What may change of a job while it waits, and what has to be given back when it ends. A row may
outlive its job for a while.';
comment on column jobs.specials.id is
  'Of the job.';
comment on column jobs.specials.namespace is
  'Of the job: keys of two namespaces never meet.';
comment on column jobs.specials.unique_key is
  'No other job has it until this one has ended; null for none.';
comment on column jobs.specials.args is
  'Take the place of the job''s; null if they were not replaced.';
comment on column jobs.specials.run_at is
  'From when on it may run, if it is ready already; null for at once.';

create table jobs.cancelled (
  id bigint primary key,
  at timestamptz not null default clock_timestamp(),
  reason text not null
);

comment on table jobs.cancelled is
  'Jobs in jobs.ready that are not to run, or to stop: the next claim takes away one that is not
claimed yet, the worker of a running one is told.';
comment on column jobs.cancelled.id is
  'Of the job.';
comment on column jobs.cancelled.at is
  'When it was cancelled.';
comment on column jobs.cancelled.reason is
  'Why, for people.';

create table jobs.progress (
  id bigint primary key,
  token bigint not null,
  percent real,
  message text,
  data jsonb,
  started_at timestamptz not null,
  updated_at timestamptz not null,
  owner uuid,
  constraint percent_is_one check (percent between 0 and 100)
)
with (fillfactor = 50);

comment on table jobs.progress is
  'How far running jobs have come, by their own account.';
comment on column jobs.progress.id is
  'Of the job.';
comment on column jobs.progress.token is
  'Of the attempt that said so; a later one takes the row over, an earlier one never.';
comment on column jobs.progress.percent is
  'From 0 to 100; null if it is not known.';
comment on column jobs.progress.message is
  'For people.';
comment on column jobs.progress.data is
  'For programs.';
comment on column jobs.progress.started_at is
  'When this attempt was claimed.';
comment on column jobs.progress.updated_at is
  'When this was said.';
comment on column jobs.progress.owner is
  'The user who may see it.';

create table jobs.failures (
  id bigint generated always as identity primary key,
  job bigint not null,
  attempt smallint not null,
  at timestamptz not null default clock_timestamp(),
  outcome text not null,
  kind text not null,
  lane integer not null,
  worker uuid,
  error text not null,
  stack text,
  owner uuid,
  constraint outcome_is_known check (
    outcome in ('failed', 'timeout', 'lost', 'interrupted', 'cancelled')
  )
);

create index failures_job_idx on jobs.failures (job, attempt);
create index failures_at_idx on jobs.failures (at);
create index failures_owner_idx on jobs.failures (owner) where owner is not null;

comment on table jobs.failures is
  'Attempts that did not succeed, with what was said of them.';
comment on column jobs.failures.id is
  'Grows.';
comment on column jobs.failures.job is
  'Id of the job.';
comment on column jobs.failures.attempt is
  'Which attempt, counted from 1.';
comment on column jobs.failures.at is
  'When it ended.';
comment on column jobs.failures.outcome is
  'failed; timeout; lost: its worker was not heard of any more; interrupted: its worker was stopped,
and the attempt does not count; cancelled.';
comment on column jobs.failures.kind is
  'Of the job.';
comment on column jobs.failures.lane is
  'Of the job.';
comment on column jobs.failures.worker is
  'Who tried; null if it never began.';
comment on column jobs.failures.error is
  'What went wrong, for people.';
comment on column jobs.failures.stack is
  'Where, if it is known.';
comment on column jobs.failures.owner is
  'The user who may see it.';

create table jobs.dead (
  id bigint primary key,
  died_at timestamptz not null default clock_timestamp(),
  enqueued_at timestamptz not null,
  owner uuid,
  lane integer not null,
  attempt smallint not null,
  max_attempts smallint not null,
  kind text not null,
  args jsonb not null,
  meta jsonb
);

create index dead_lane_idx on jobs.dead (lane, died_at);
create index dead_owner_idx on jobs.dead (owner) where owner is not null;

comment on table jobs.dead is
  'Dead letters: jobs that failed as often as they may. jobs.retry and jobs.redrive give them
another chance. Columns as in jobs.ready.';
comment on column jobs.dead.id is
  'Of the job.';
comment on column jobs.dead.died_at is
  'When the last attempt failed.';
comment on column jobs.dead.enqueued_at is
  'When it was first enqueued.';
comment on column jobs.dead.owner is
  'The user who may see it.';
comment on column jobs.dead.lane is
  'Where it waited.';
comment on column jobs.dead.attempt is
  'How often it was tried.';
comment on column jobs.dead.max_attempts is
  'How often it was to be tried at most.';
comment on column jobs.dead.kind is
  'What was to be done.';
comment on column jobs.dead.args is
  'With what.';
comment on column jobs.dead.meta is
  'What else is said of it.';

create table jobs.tallies (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  lane integer not null,
  kind text not null,
  outcome text not null,
  jobs integer not null,
  seconds double precision not null
);

comment on table jobs.tallies is
  'How many jobs ended, a row for each call; jobs.maintain adds them to jobs.totals.';
comment on column jobs.tallies.id is
  'Grows.';
comment on column jobs.tallies.at is
  'When.';
comment on column jobs.tallies.lane is
  'Of the jobs.';
comment on column jobs.tallies.kind is
  'Of the jobs.';
comment on column jobs.tallies.outcome is
  'completed, dead, or as in jobs.failures.';
comment on column jobs.tallies.jobs is
  'How many.';
comment on column jobs.tallies.seconds is
  'From claim to end, of all of them together.';

create table jobs.totals (
  minute timestamptz not null,
  lane integer not null,
  kind text not null,
  outcome text not null,
  jobs bigint not null,
  seconds double precision not null,
  primary key (minute, lane, kind, outcome)
);

comment on table jobs.totals is
  'How many jobs ended in each minute, for 30 days. What is older stands under the minute -infinity,
so that sums over all minutes only ever grow.';
comment on column jobs.totals.minute is
  'Its beginning.';
comment on column jobs.totals.lane is
  'Of the jobs.';
comment on column jobs.totals.kind is
  'Of the jobs.';
comment on column jobs.totals.outcome is
  'As in jobs.tallies.';
comment on column jobs.totals.jobs is
  'How many.';
comment on column jobs.totals.seconds is
  'From claim to end, of all of them together.';

-- Policies (plpgsql/jobs/policies.sql) let owners read their own jobs and service_role all.
alter table jobs.queues enable row level security;
alter table jobs.lanes enable row level security;
alter table jobs.rotation enable row level security;
alter table jobs.homes enable row level security;
alter table jobs.ready enable row level security;
alter table jobs.ready_0 enable row level security;
alter table jobs.ready_1 enable row level security;
alter table jobs.ready_2 enable row level security;
alter table jobs.cursors enable row level security;
alter table jobs.workers enable row level security;
alter table jobs.batches enable row level security;
alter table jobs.waiting enable row level security;
alter table jobs.specials enable row level security;
alter table jobs.cancelled enable row level security;
alter table jobs.progress enable row level security;
alter table jobs.failures enable row level security;
alter table jobs.dead enable row level security;
alter table jobs.tallies enable row level security;
alter table jobs.totals enable row level security;

create type jobs.claimed as (
  event text,
  id bigint,
  token bigint,
  kind text,
  args jsonb,
  attempt integer,
  max_attempts integer,
  namespace text,
  queue text,
  priority integer,
  enqueued_at timestamptz,
  meta jsonb
);

comment on type jobs.claimed is
  'What a worker is told. event is run: do the job id under its token; cancel: stop it, and finish
it as cancelled; or lost: what was said of it came too late, another does it. Only run has all
columns.';

create type jobs.failure as (
  id bigint,
  outcome text,
  error text,
  stack text,
  retry_in double precision,
  discard boolean
);

comment on type jobs.failure is
  'What jobs.put_back is told of a job: columns as jobs.finish has them.';

---- create above / drop below ----

drop schema jobs cascade;
