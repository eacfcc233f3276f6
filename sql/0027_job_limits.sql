-- The tables are new here, or of a few rows.
-- squawk-ignore-file constraint-missing-not-valid
-- squawk-ignore-file prefer-bigint-over-int, prefer-bigint-over-smallint

set local role fluxbase_admin;

alter table jobs.queues
  add column concurrency integer,
  add column rate double precision,
  add column burst double precision,
  add column full_at timestamptz,
  add constraint concurrency_is_positive check (concurrency > 0),
  add constraint rate_is_positive check (
    (rate is null) = (burst is null) and rate > 0 and rate < 'infinity' and burst between 1 and 1e9
  );

comment on column jobs.queues.concurrency is
  'How many of its jobs run at once, over all workers; null: any number.';
comment on column jobs.queues.rate is
  'How many of its jobs begin in a second; null: any number.';
comment on column jobs.queues.burst is
  'How many may begin at once after a pause.';
comment on column jobs.queues.full_at is
  'When the burst is whole again (the theoretical arrival time of GCRA, ITU-T I.371).';

create table jobs.limits (
  namespace text not null,
  key text not null,
  concurrency integer,
  rate double precision,
  burst double precision,
  primary key (namespace, key),
  constraint key_is_short check (length(key) between 1 and 500),
  constraint concurrency_is_positive check (concurrency > 0),
  constraint rate_is_positive check (
    (rate is null) = (burst is null) and rate > 0 and rate < 'infinity' and burst between 1 and 1e9
  )
);

comment on table jobs.limits is
  'Limits of concurrency keys, which jobs have in meta as key. A key without one runs one job at a
time.';
comment on column jobs.limits.namespace is
  'As in jobs.queues.';
comment on column jobs.limits.key is
  'The key, or with * at its end all that begin so; the longest that fits counts.';
comment on column jobs.limits.concurrency is
  'How many of its jobs run at once; null: any number.';
comment on column jobs.limits.rate is
  'How many of its jobs begin in a second; null: any number.';
comment on column jobs.limits.burst is
  'How many may begin at once after a pause.';

create table jobs.blocked (
  id bigint primary key,
  namespace text not null,
  key text not null,
  priority smallint not null,
  enqueued_at timestamptz not null,
  owner uuid,
  lane integer not null,
  attempt smallint not null,
  max_attempts smallint not null,
  kind text not null,
  args jsonb not null,
  meta jsonb
);

create index blocked_key_idx on jobs.blocked (namespace, key, priority, id);
create index blocked_owner_idx on jobs.blocked (owner) where owner is not null;

comment on table jobs.blocked is
  'Jobs with a concurrency key that wait for their turn. Columns as in jobs.ready.';
comment on column jobs.blocked.id is
  'Of the job.';
comment on column jobs.blocked.namespace is
  'Of the job.';
comment on column jobs.blocked.key is
  'Its concurrency key.';
comment on column jobs.blocked.priority is
  'Of its lane: who of a key is first.';
comment on column jobs.blocked.enqueued_at is
  'When it was first enqueued.';
comment on column jobs.blocked.owner is
  'The user who may see it.';
comment on column jobs.blocked.lane is
  'Where it runs when it is its turn.';
comment on column jobs.blocked.attempt is
  'How often it was tried before.';
comment on column jobs.blocked.max_attempts is
  'How often it is tried at most.';
comment on column jobs.blocked.kind is
  'What is to be done.';
comment on column jobs.blocked.args is
  'With what.';
comment on column jobs.blocked.meta is
  'What else is said of it.';

create table jobs.slots (
  id bigint primary key,
  namespace text not null,
  key text not null
);

create index slots_key_idx on jobs.slots (namespace, key);

comment on table jobs.slots is
  'Jobs with a concurrency key whose turn it is: from jobs.admit until they end, or wait to be tried
again.';
comment on column jobs.slots.id is
  'Of the job.';
comment on column jobs.slots.namespace is
  'Of the job.';
comment on column jobs.slots.key is
  'Its concurrency key.';

create table jobs.knocks (
  id bigint generated always as identity primary key,
  namespace text not null,
  key text not null,
  at timestamptz not null
);

create index knocks_at_idx on jobs.knocks (at);
create index knocks_key_idx on jobs.knocks (namespace, key);

comment on table jobs.knocks is
  'Keys of which jobs.admit has to look whose turn it is: a job came, or one has ended. Rows are
only added by those, so that no application''s transaction is in the way of another''s jobs.';
comment on column jobs.knocks.id is
  'Grows.';
comment on column jobs.knocks.namespace is
  'Of the key.';
comment on column jobs.knocks.key is
  'The concurrency key.';
comment on column jobs.knocks.at is
  'Not before.';

create table jobs.key_rates (
  namespace text not null,
  key text not null,
  full_at timestamptz not null,
  primary key (namespace, key)
)
with (fillfactor = 50);

comment on table jobs.key_rates is
  'What was used of the rates of concurrency keys.';
comment on column jobs.key_rates.namespace is
  'Of the key.';
comment on column jobs.key_rates.key is
  'The concurrency key.';
comment on column jobs.key_rates.full_at is
  'As in jobs.queues.';

-- Policies (plpgsql/jobs/policies.sql) let owners read their own jobs and service_role all.
alter table jobs.limits enable row level security;
alter table jobs.blocked enable row level security;
alter table jobs.slots enable row level security;
alter table jobs.knocks enable row level security;
alter table jobs.key_rates enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop view if exists jobs.jobs;
drop function if exists jobs.use_queue(integer, integer);
drop function if exists jobs.admit(integer);
drop function if exists jobs.limit_key(text, integer, double precision, double precision, text);
drop function if exists jobs.limit_queue(text, integer, double precision, double precision, text);
drop table jobs.key_rates;
drop table jobs.knocks;
drop table jobs.slots;
drop table jobs.blocked;
drop table jobs.limits;
alter table jobs.queues
  drop column concurrency,
  drop column rate,
  drop column burst,
  drop column full_at;
