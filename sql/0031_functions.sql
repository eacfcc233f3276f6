-- squawk-ignore-file prefer-bigint-over-int, prefer-bigint-over-smallint

create schema functions authorization fluxbase_admin;

comment on schema functions is
  'Fluxbase: edge functions, their versions and secrets, what they did and said.';

grant usage on schema functions to service_role;

set local role fluxbase_admin;

create table functions.functions (
  name text primary key,
  active integer,
  last_version integer not null default 0,
  verify_jwt boolean not null default true,
  mode text not null default 'per_worker',
  wall_ms integer,
  cpu_ms integer,
  memory_mb integer,
  max_request_bytes bigint,
  max_output_bytes bigint,
  concurrency integer,
  max_workers integer,
  idle_seconds integer,
  egress text[],
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_is_of_letters check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$'),
  constraint active_was_deployed check (active between 1 and last_version),
  constraint mode_is_known check (mode in ('per_worker', 'oneshot')),
  constraint limits_are_positive check (
    least(
      wall_ms, cpu_ms, memory_mb, max_request_bytes, max_output_bytes, concurrency, max_workers,
      idle_seconds
    ) > 0
  ),
  constraint egress_is_of_hosts check (
    array_position(egress, null) is null and cardinality(egress) <= 100
    and length(array_to_string(egress, ',')) <= 10000
    and array_to_string(egress, ',')
      ~ '^((\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(,|$))*$'
  )
);

comment on table functions.functions is
  'Edge functions, as they are called at /functions/v1/NAME. functions.deploy, rollback, configure
and delete change it. A row stays when its function is deleted, so that no number of a version is
ever given twice. Published in fluxbase_system, so that every process hears of a change.';
comment on column functions.functions.name is
  'Its name in the URL.';
comment on column functions.functions.active is
  'The version that answers; null if the function is deleted.';
comment on column functions.functions.last_version is
  'The highest number that a version was given.';
comment on column functions.functions.verify_jwt is
  'Whether a request needs a key or a token that is good.';
comment on column functions.functions.mode is
  'per_worker: a worker answers many requests, as on Supabase; oneshot: each a single one.';
comment on column functions.functions.wall_ms is
  'How long a request may take, in milliseconds. As all limits here: null is the default of the
process, and no more than its maximum (FLUXBASE_FUNCTIONS_*) is ever given.';
comment on column functions.functions.cpu_ms is
  'How long a request may compute, in milliseconds.';
comment on column functions.functions.memory_mb is
  'How much memory a worker may have, in MiB.';
comment on column functions.functions.max_request_bytes is
  'How large the body of a request may be.';
comment on column functions.functions.max_output_bytes is
  'How large an answer may be.';
comment on column functions.functions.concurrency is
  'How many requests one worker answers at once.';
comment on column functions.functions.max_workers is
  'How many workers a process starts for it.';
comment on column functions.functions.idle_seconds is
  'After how long without a request a worker ends.';
comment on column functions.functions.egress is
  'The hosts that it may connect to, as HOST, HOST:PORT or *.HOST; null is all public ones.';
comment on column functions.functions.created_at is
  'When it was deployed first.';
comment on column functions.functions.updated_at is
  'When something of it was changed last.';

create table functions.versions (
  name text not null references functions.functions (name),
  version integer not null,
  entrypoint text not null,
  digest text not null,
  files integer not null,
  bytes bigint not null,
  deployed_at timestamptz not null default clock_timestamp(),
  deployed_by text not null,
  note text,
  primary key (name, version),
  constraint digest_is_sha256 check (digest ~ '^[0-9a-f]{64}$'),
  constraint note_is_short check (length(note) <= 1000)
);

comment on table functions.versions is
  'What was deployed. Of each function the last ones are kept (functions.keep), and the active
one.';
comment on column functions.versions.name is
  'Of the function.';
comment on column functions.versions.version is
  'Counts up from 1.';
comment on column functions.versions.entrypoint is
  'The path of the file that is run first.';
comment on column functions.versions.digest is
  'SHA-256, in hexadecimal, of the entrypoint and of the paths and digests of all files.';
comment on column functions.versions.files is
  'How many files it has.';
comment on column functions.versions.bytes is
  'How large they are together.';
comment on column functions.versions.deployed_at is
  'When.';
comment on column functions.versions.deployed_by is
  'Who, as in audit.events.';
comment on column functions.versions.note is
  'What the deployer said of it, such as a commit.';

create table functions.files (
  sha256 bytea primary key,
  content bytea not null,
  constraint sha256_is_32_bytes check (octet_length(sha256) = 32)
);

comment on table functions.files is
  'The contents of files, each once however many versions have it.';
comment on column functions.files.sha256 is
  'Of the content.';
comment on column functions.files.content is
  'What is in it.';

create table functions.version_files (
  name text not null,
  version integer not null,
  path text not null,
  sha256 bytea not null references functions.files (sha256),
  primary key (name, version, path),
  foreign key (name, version) references functions.versions (name, version) on delete cascade
);

create index version_files_sha256_idx on functions.version_files (sha256);

comment on table functions.version_files is
  'Which files a version has.';
comment on column functions.version_files.name is
  'Of the function.';
comment on column functions.version_files.version is
  'Of the version.';
comment on column functions.version_files.path is
  'Where the file is, relative to the root of the version.';
comment on column functions.version_files.sha256 is
  'What is in it: functions.files.';

create table functions.secrets (
  name text primary key,
  sealed text not null,
  updated_at timestamptz not null default now(),
  constraint name_is_of_capitals check (
    name ~ '^[A-Z_][A-Z0-9_]{0,99}$' and name !~ '^(SUPABASE|FLUXBASE|DENO|SB)_'
  ),
  constraint value_is_sealed check (sealed like 'fbs1.%')
);

comment on table functions.secrets is
  'What all functions find in their environment. Published in fluxbase_system, so that every process
hears of a change.';
comment on column functions.secrets.name is
  'Of the variable.';
comment on column functions.secrets.sealed is
  'Its value, sealed under FLUXBASE_ENCRYPTION_KEY.';
comment on column functions.secrets.updated_at is
  'When it was set last.';

create table functions.settings (
  is_only boolean primary key default true,
  versions integer not null default 10,
  invocations interval not null default '14 days',
  logs interval not null default '7 days',
  secrets_version bigint not null default 0,
  constraint there_is_one check (is_only),
  constraint versions_are_1_to_1000 check (versions between 1 and 1000),
  constraint days_are_1_to_366 check (
    invocations between '1 day' and '366 days' and logs between '1 day' and '366 days'
  )
);

comment on table functions.settings is
  'One row or none, which means the defaults: how much is kept, which functions.keep sets, and the
version of the secrets.';
comment on column functions.settings.is_only is
  'Always true.';
comment on column functions.settings.versions is
  'How many versions of a function.';
comment on column functions.settings.invocations is
  'How long functions.invocations.';
comment on column functions.settings.logs is
  'How long functions.logs.';
comment on column functions.settings.secrets_version is
  'Grows when a secret is set or unset, but not when one is sealed again.';

create table functions.invocations (
  id uuid not null,
  at timestamptz not null,
  function text not null,
  version integer not null,
  duration_ms double precision not null,
  cpu_ms double precision,
  status smallint,
  outcome text not null,
  is_cold boolean not null default false,
  is_truncated boolean not null default false,
  output_bytes bigint,
  memory_bytes bigint,
  method text,
  path text,
  job bigint,
  process text,
  request_id text,
  trace_id text,
  caller text,
  result text,
  primary key (id, at),
  constraint result_is_bounded check (length(result) <= 65536),
  constraint outcome_is_known check (
    outcome in (
      'ok', 'error', 'timeout', 'memory', 'cpu', 'threads', 'output', 'crashed', 'boot_error',
      'busy', 'aborted'
    )
  )
)
partition by range (at);

create index invocations_function_at_idx on functions.invocations (function, at);
create index invocations_job_idx on functions.invocations (job) where job is not null;

comment on table functions.invocations is
  'Calls of functions. A partition for each day (functions.make_partitions), dropped as a whole when
it is old (functions.drop_partitions, functions.keep).';
comment on column functions.invocations.id is
  'The execution id, which the caller finds in the header X-Deno-Execution-Id.';
comment on column functions.invocations.at is
  'When it began.';
comment on column functions.invocations.function is
  'What was called.';
comment on column functions.invocations.version is
  'Which version answered; 0 if none could be started.';
comment on column functions.invocations.duration_ms is
  'How long it took, in milliseconds.';
comment on column functions.invocations.cpu_ms is
  'How long it computed, in milliseconds; null if not known.';
comment on column functions.invocations.status is
  'The HTTP status of the answer; null without one.';
comment on column functions.invocations.outcome is
  'How it ended: ok; error (a status of 500 or more); it was ended for the limit of its time
(timeout), computing (cpu), threads, memory or output; its worker crashed, or did not start
(boot_error); no worker had room (busy); the caller went away (aborted).';
comment on column functions.invocations.is_cold is
  'Whether a worker was started for it.';
comment on column functions.invocations.is_truncated is
  'Whether its answer was cut.';
comment on column functions.invocations.output_bytes is
  'How large its answer was; null if not known.';
comment on column functions.invocations.memory_bytes is
  'The most memory that its worker had meanwhile; null if not known.';
comment on column functions.invocations.method is
  'Of the request.';
comment on column functions.invocations.path is
  'Of the request, without its query.';
comment on column functions.invocations.job is
  'The job that it did; null for none.';
comment on column functions.invocations.process is
  'The process that served it.';
comment on column functions.invocations.request_id is
  'The id of the request, as in its answer and in the log.';
comment on column functions.invocations.trace_id is
  'Its trace, as in W3C Trace Context; null without one.';
comment on column functions.invocations.caller is
  'Who called: user:SUBJECT, key:ID or role:ROLE, as in audit.events.';
comment on column functions.invocations.result is
  'What was answered to a job, if that is text or JSON: the first 65536 characters; else null.';

-- What comes while a day has no partition yet is kept here.
create table functions.invocations_default partition of functions.invocations default;

comment on table functions.invocations_default is
  'Calls of days that have no partition of their own yet.';

create table functions.logs (
  invocation uuid not null,
  at timestamptz not null,
  seq integer not null,
  function text not null,
  version integer not null,
  level text not null,
  message text not null,
  is_truncated boolean not null default false,
  primary key (invocation, at, seq),
  constraint level_is_known check (level in ('debug', 'info', 'warn', 'error'))
)
partition by range (at);

create index logs_function_at_idx on functions.logs (function, at);

comment on table functions.logs is
  'What functions said. A partition for each day, as of functions.invocations.';
comment on column functions.logs.invocation is
  'The call in which it was said, or the start of a worker; a uuid of its own in that case.';
comment on column functions.logs.at is
  'When.';
comment on column functions.logs.seq is
  'Orders the lines of an invocation.';
comment on column functions.logs.function is
  'Which function.';
comment on column functions.logs.version is
  'Which version of it.';
comment on column functions.logs.level is
  'debug, info (also what is only written to the standard output), warn or error.';
comment on column functions.logs.message is
  'What it said.';
comment on column functions.logs.is_truncated is
  'Whether it said more.';

create table functions.logs_default partition of functions.logs default;

comment on table functions.logs_default is
  'Lines of days that have no partition of their own yet.';

-- Policies (plpgsql/functions/policies.sql) let service_role read all but secrets.
alter table functions.functions enable row level security;
alter table functions.versions enable row level security;
alter table functions.files enable row level security;
alter table functions.version_files enable row level security;
alter table functions.secrets enable row level security;
alter table functions.settings enable row level security;
alter table functions.invocations enable row level security;
alter table functions.invocations_default enable row level security;
alter table functions.logs enable row level security;
alter table functions.logs_default enable row level security;

-- Keys may be for functions alone.
alter table auth.service_keys
  drop constraint modules_are_known,
  -- squawk-ignore constraint-missing-not-valid
  add constraint modules_are_known check (
    cardinality(modules) > 0
    and modules <@ array['admin', 'auth', 'functions', 'jobs', 'realtime', 'rest']
  );

---- create above / drop below ----

-- Its tables and functions; also partitions made since.
drop schema functions cascade;

set local role fluxbase_admin;

alter table auth.service_keys
  drop constraint modules_are_known,
  add constraint modules_are_known check (
    cardinality(modules) > 0 and modules <@ array['admin', 'auth', 'jobs', 'realtime', 'rest']
  );
