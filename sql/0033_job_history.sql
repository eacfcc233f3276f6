set local role fluxbase_admin;

create table jobs.history (
  namespace text not null,
  queue text not null,
  at timestamptz not null,
  ready bigint,
  running bigint,
  scheduled bigint,
  blocked bigint,
  dead bigint,
  oldest_seconds double precision,
  last_id bigint,
  completed bigint not null default 0,
  failed bigint not null default 0,
  died bigint not null default 0,
  durations bigint[] not null default '{}',
  primary key (namespace, queue, at)
);

create index history_at_idx on jobs.history (at);

comment on table jobs.history is
  'How the queues were, for a day: for each ten seconds of the last hour and each minute before, of
all together and of the fifty queues with the most to do. jobs.maintain writes it, jobs.read_history
reads it.';
comment on column jobs.history.namespace is
  'As in jobs.queues; empty for all queues together.';
comment on column jobs.history.queue is
  'As in jobs.queues; empty for all together.';
comment on column jobs.history.at is
  'When the time began that it tells of.';
comment on column jobs.history.ready is
  'Jobs that might run; estimated beyond 1,000 of a lane. Null, as the next ones, where nobody
looked in that time; of minutes the highest number.';
comment on column jobs.history.running is
  'Jobs that ran.';
comment on column jobs.history.scheduled is
  'Jobs for a later time, counted up to 10,000.';
comment on column jobs.history.blocked is
  'Jobs that waited for others of their concurrency key, counted up to 10,000.';
comment on column jobs.history.dead is
  'Dead letters, counted up to 10,000.';
comment on column jobs.history.oldest_seconds is
  'How long the one that might run longest had waited, since it was first enqueued.';
comment on column jobs.history.last_id is
  'The last of jobs.ids, of all together: how many were enqueued shows between two of them.';
comment on column jobs.history.completed is
  'Jobs that succeeded.';
comment on column jobs.history.failed is
  'Attempts that did not.';
comment on column jobs.history.died is
  'Jobs that became dead letters.';
comment on column jobs.history.durations is
  'How many of the completed took how long, from claim to end: buckets as jobs.duration_bounds has
them, one more for what is above.';

comment on table jobs.totals is
  'How many jobs ended in each minute of the last day, and in each hour of 30 days. What is older
stands under the minute -infinity, so that sums over all only ever grow.';

-- Its policy (plpgsql/jobs/policies.sql) lets service_role read.
alter table jobs.history enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

comment on table jobs.totals is
  'How many jobs ended in each minute, for 30 days. What is older stands under the minute -infinity,
so that sums over all minutes only ever grow.';

-- With the functions that take or give its rows.
drop table jobs.history cascade;
