create schema idempotency authorization fluxbase_admin;

comment on schema idempotency is
  'Fluxbase: keys that clients give to requests, so that one which is sent twice runs once.';

-- The logins alone, before they become a caller: a role of requests could else pass for another.
grant usage on schema idempotency to authenticator, fluxbase_service, service_role;

set local role fluxbase_admin;

-- No check constraints: each insert would read and compile them anew, which costs as much as the
-- insert. Keys and scopes are bounded by those who write them.
create table idempotency.keys (
  scope text collate "C" not null,
  key text collate "C" not null,
  fingerprint bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  -- squawk-ignore prefer-bigint-over-int
  status integer,
  headers jsonb,
  body bytea,
  fence bigint,
  leased_until timestamptz,
  primary key (scope, key)
);

comment on table idempotency.keys is
  'Requests that came with a key, and what they were answered. A row is inserted in the transaction
of the request, so that it is there if and only if that was carried out; where there is none, first
by the one who holds a lease.';
comment on column idempotency.keys.scope is
  'Who sent the request; keys of two callers never meet.';
comment on column idempotency.keys.key is
  'What the caller named it.';
comment on column idempotency.keys.fingerprint is
  'SHA-256 of all that the request says, which tells a repetition from another request.';
comment on column idempotency.keys.created_at is
  'When it came.';
comment on column idempotency.keys.expires_at is
  'From then on the key is free again; idempotency.sweep deletes the row some time later.';
comment on column idempotency.keys.status is
  'HTTP status of the answer; null while a lease holds.';
comment on column idempotency.keys.headers is
  'Headers of the answer: an object of arrays of values, by name.';
comment on column idempotency.keys.body is
  'Body of the answer; null if it has none.';
comment on column idempotency.keys.fence is
  'Of a request that runs outside of a transaction: what its holder must show to finish it.';
comment on column idempotency.keys.leased_until is
  'From then on another may take it over; null when it is answered, and within a transaction.';

create index keys_expires_at_idx on idempotency.keys (expires_at);

-- Grows, and none comes twice, although rows go.
create sequence idempotency.fences owned by idempotency.keys.fence;

-- No policy: only security definer functions of ours read and write this table.
alter table idempotency.keys enable row level security;

---- create above / drop below ----

drop schema idempotency cascade;
