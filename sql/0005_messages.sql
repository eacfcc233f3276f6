set local role fluxbase_admin;

-- Who calls the channels is decided by policies on this table. It is unlogged because
-- it is always empty outside of a transaction: a row that is committed is a message
-- that is sent, and a trigger takes it out again.
create unlogged table realtime.messages (
  id uuid primary key default gen_random_uuid(),
  topic text not null,
  extension text not null default 'broadcast',
  event text,
  payload jsonb,
  private boolean not null default true,
  inserted_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint extension_is_known check (extension in ('broadcast', 'presence'))
);

comment on table realtime.messages is
  'Its policies say who may use private channels: select is to listen, insert is to send, and
realtime.topic() is the channel. An inserted row with an event is broadcast when it is committed;
no row stays.';
comment on column realtime.messages.topic is
  'The name of the channel.';
comment on column realtime.messages.extension is
  'broadcast or presence.';
comment on column realtime.messages.event is
  'The name of the event that listeners wait for.';
comment on column realtime.messages.private is
  'Whether it goes to those who joined the channel as a private one, or to the others.';

alter table realtime.messages enable row level security;

-- Policies decide. Roles of your own need the same to use private channels.
grant usage on schema realtime to anon, authenticated;
grant select, insert on realtime.messages to anon, authenticated, service_role;

-- The logins that ask for a caller's rights, before they become the caller.
grant usage on schema realtime to authenticator, fluxbase_service;

---- create above / drop below ----

set local role fluxbase_admin;

drop table realtime.messages;

revoke usage on schema realtime from anon, authenticated, authenticator, fluxbase_service;
