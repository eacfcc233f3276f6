set local role fluxbase_admin;

-- Unlogged, because a process that finds its rows gone registers them again; and so
-- that ten thousand who connect cost the log nothing.
create unlogged table realtime.claim_set (
  id bigint generated always as identity primary key,
  proxy uuid not null references fluxbase.proxies (id) on delete cascade,
  key uuid not null,
  role name not null,
  claims jsonb not null,
  uid uuid
);

comment on table realtime.claim_set is
  'On whose behalf processes listen to changes, so that one statement finds all who may see a row.';
comment on column realtime.claim_set.proxy is
  'The lease of the process; the rows end with it.';
comment on column realtime.claim_set.key is
  'What the process shows to read its rows; a secret.';
comment on column realtime.claim_set.role is
  'The role that asks.';
comment on column realtime.claim_set.uid is
  'What auth.uid() is for these claims.';

create index claim_set_proxy_idx on realtime.claim_set (proxy);
create index claim_set_key_idx on realtime.claim_set (key, role, id);
create index claim_set_uid_idx on realtime.claim_set (uid);

-- No policy: realtime.claims shows each process its own.
alter table realtime.claim_set enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop table realtime.claim_set cascade;
