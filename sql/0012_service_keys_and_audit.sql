create schema audit authorization fluxbase_admin;

comment on schema audit is
  'Fluxbase: what was done that matters for security, by whom and from where.';

grant usage on schema audit to service_role;

set local role fluxbase_admin;

create sequence audit.event_ids as bigint;

create table audit.events (
  id bigint not null default nextval('audit.event_ids'),
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  login text not null default session_user,
  action text not null,
  target text,
  origin inet,
  request_id text,
  details jsonb not null default '{}',
  primary key (id, at)
)
partition by range (at);

comment on table audit.events is
  'What was done that matters for security. Rows are only ever added: a trigger refuses all else,
also to the owner. A partition for each month (audit.make_partitions), dropped as a whole when it is
old (audit.drop_partitions).';
comment on column audit.events.id is
  'Grows, so that pages go by it.';
comment on column audit.events.at is
  'When.';
comment on column audit.events.actor is
  'Who: user:SUBJECT, key:ID or role:ROLE of a request, login:NAME of a session without one.';
comment on column audit.events.login is
  'The login of the session, which no setting can change.';
comment on column audit.events.action is
  'What was done: THING.DONE, such as service_key.revoked.';
comment on column audit.events.target is
  'To what: the id of the thing.';
comment on column audit.events.origin is
  'From where: the address of the client; null if not known.';
comment on column audit.events.request_id is
  'The id of the request, as in its answer and in the log; null without one.';
comment on column audit.events.details is
  'More, by the action; never a secret.';

create index events_target_idx on audit.events (target, id);

-- What comes while a month has no partition yet is kept here.
create table audit.events_default partition of audit.events default;

comment on table audit.events_default is
  'Events of months that have no partition of their own yet.';

-- A policy lets service_role read, through audit.events.
alter table audit.events enable row level security;
alter table audit.events_default enable row level security;
grant select on audit.events to service_role;

create table auth.service_keys (
  id text primary key,
  name text not null,
  kind text not null,
  hash bytea not null,
  role text not null,
  modules text[],
  schemas text[],
  read_only boolean not null default false,
  addresses cidr[],
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  deprecated_at timestamptz,
  grace_ends_at timestamptz,
  revoked_at timestamptz,
  revoked_reason text,
  replaced_by text references auth.service_keys (id),
  constraint id_is_12_letters check (id ~ '^[0-9abcdefghjkmnpqrstvwxyz]{12}$'),
  constraint name_is_given check (name <> '' and length(name) <= 200),
  constraint kind_is_known check (kind in ('secret', 'publishable')),
  constraint hash_is_sha256 check (octet_length(hash) = 32),
  constraint role_is_one_of_clients check (role not in ('', 'none')),
  constraint publishable_is_not_service_role check (
    kind <> 'publishable' or role <> 'service_role'
  ),
  constraint modules_are_known check (
    cardinality(modules) > 0 and modules <@ array['admin', 'realtime', 'rest']
  ),
  constraint schemas_are_named check (
    cardinality(schemas) > 0 and array_position(schemas, null) is null
  ),
  constraint addresses_are_given check (
    cardinality(addresses) > 0 and array_position(addresses, null) is null
  ),
  constraint grace_is_at_most_30_days check (
    (deprecated_at is null) = (grace_ends_at is null)
    and grace_ends_at between deprecated_at and deprecated_at + interval '30 days'
  ),
  constraint revoked_for_a_reason check (
    (revoked_at is null) = (revoked_reason is null) and revoked_reason <> ''
  )
);

create index service_keys_replaced_by_idx on auth.service_keys (replaced_by);

comment on table auth.service_keys is
  'Keys of servers and apps: sb_secret_ID_SECRET and sb_publishable_ID_SECRET. The functions
auth.issue_service_key, rotate_service_key, deprecate_service_key and revoke_service_key change it.
Published in fluxbase_system, so that every process hears of a change.';
comment on column auth.service_keys.id is
  'The part of the key that everybody may see.';
comment on column auth.service_keys.name is
  'What people call it.';
comment on column auth.service_keys.kind is
  'secret, for servers, or publishable, for apps and pages.';
comment on column auth.service_keys.hash is
  'SHA-256 of the whole key. The secret has 160 random bits, so nothing slower is needed.';
comment on column auth.service_keys.role is
  'The database role that requests with it run as.';
comment on column auth.service_keys.modules is
  'The capabilities that it is for; null is all.';
comment on column auth.service_keys.schemas is
  'The schemas that it is for, in REST and in subscriptions; null is all that are exposed.';
comment on column auth.service_keys.read_only is
  'Whether it is for reading alone.';
comment on column auth.service_keys.addresses is
  'The networks that it may be used from; null is any.';
comment on column auth.service_keys.created_by is
  'Who issued it, as in audit.events.';
comment on column auth.service_keys.created_at is
  'When it was issued.';
comment on column auth.service_keys.expires_at is
  'From when on it is refused; null is never.';
comment on column auth.service_keys.deprecated_at is
  'When it was deprecated or replaced.';
comment on column auth.service_keys.grace_ends_at is
  'From when on it is refused because of that.';
comment on column auth.service_keys.revoked_at is
  'When it was revoked.';
comment on column auth.service_keys.revoked_reason is
  'Why.';
comment on column auth.service_keys.replaced_by is
  'The key that took its place.';

-- No policy: only security definer functions of ours use this table.
alter table auth.service_keys enable row level security;

-- Apart, because it changes all the time and no process need hear of it.
create table auth.service_key_uses (
  key_id text primary key references auth.service_keys (id) on delete cascade,
  last_used_at timestamptz not null,
  last_used_from inet
);

comment on table auth.service_key_uses is
  'When each key was last used, as the processes tell it once a minute.';
comment on column auth.service_key_uses.key_id is
  'The key.';
comment on column auth.service_key_uses.last_used_at is
  'When it was last used.';
comment on column auth.service_key_uses.last_used_from is
  'The address of that request; null if not known.';

alter table auth.service_key_uses enable row level security;

create table auth.service_key_revocations (
  id bigint primary key generated always as identity,
  key_id text not null references auth.service_keys (id),
  kind text not null,
  reason text not null,
  revoked_by text not null,
  revoked_at timestamptz not null default now(),
  effective_at timestamptz not null,
  constraint kind_is_known check (kind in ('emergency', 'rotation', 'expiration'))
);

create index service_key_revocations_key_id_idx on auth.service_key_revocations (key_id);

comment on table auth.service_key_revocations is
  'Each decision that ends a key.';
comment on column auth.service_key_revocations.id is
  'Grows.';
comment on column auth.service_key_revocations.key_id is
  'The key.';
comment on column auth.service_key_revocations.kind is
  'emergency: at once (auth.revoke_service_key); rotation: another took its place
(auth.rotate_service_key); expiration: it was deprecated (auth.deprecate_service_key).';
comment on column auth.service_key_revocations.reason is
  'Why.';
comment on column auth.service_key_revocations.revoked_by is
  'Who decided it, as in audit.events.';
comment on column auth.service_key_revocations.revoked_at is
  'When it was decided.';
comment on column auth.service_key_revocations.effective_at is
  'From when on the key is refused.';

-- A policy lets service_role read.
alter table auth.service_key_revocations enable row level security;
grant select on auth.service_key_revocations to service_role;

create table auth.legacy_key_revocations (
  id bigint primary key generated always as identity,
  issued_before timestamptz,
  jti text,
  token_hash bytea,
  reason text not null,
  revoked_by text not null,
  revoked_at timestamptz not null default now(),
  constraint says_one_thing check (num_nonnulls(issued_before, jti, token_hash) = 1),
  constraint token_hash_is_sha256 check (octet_length(token_hash) = 32),
  constraint reason_is_given check (reason <> '')
);

comment on table auth.legacy_key_revocations is
  'Which JWTs of the role service_role are refused although their signature is good;
auth.revoke_legacy_keys adds to it. Published in fluxbase_system, as the keys are.';
comment on column auth.legacy_key_revocations.id is
  'Grows.';
comment on column auth.legacy_key_revocations.issued_before is
  'All that were issued before (claim iat), and those that do not say when.';
comment on column auth.legacy_key_revocations.jti is
  'The one of this id (claim jti).';
comment on column auth.legacy_key_revocations.token_hash is
  'The one of which this is the SHA-256.';
comment on column auth.legacy_key_revocations.reason is
  'Why.';
comment on column auth.legacy_key_revocations.revoked_by is
  'Who decided it, as in audit.events.';
comment on column auth.legacy_key_revocations.revoked_at is
  'When.';

-- A policy lets service_role read.
alter table auth.legacy_key_revocations enable row level security;
grant select on auth.legacy_key_revocations to service_role;

---- create above / drop below ----

-- Its sequence, tables and functions; also partitions made since.
drop schema audit cascade;

set local role fluxbase_admin;

drop procedure if exists auth.revoke_service_key(text, text, text[]);
drop procedure if exists auth.revoke_legacy_keys(text, timestamptz, text, text, text[]);
drop procedure if exists fluxbase.settle(text[]);
drop function if exists auth.issue_service_key(
  text, text, text, text[], text[], boolean, cidr[], timestamptz
);
drop function if exists auth.end_service_key(text, text);
drop function if exists auth.end_legacy_keys(text, timestamptz, text, text);
drop function if exists auth.deprecate_service_key(text, interval);
drop function if exists auth.rotate_service_key(text, interval);
drop function if exists auth.list_service_keys();
drop function if exists auth.service_key_audit(text, bigint, integer);
drop function if exists auth.read_service_keys();
drop function if exists auth.note_service_key_uses(jsonb);
drop function if exists auth.random_text(integer);
drop function if exists auth.lock_service_key(text);
drop table auth.legacy_key_revocations;
drop table auth.service_key_revocations;
drop table auth.service_key_uses;
drop table auth.service_keys;
