set local role fluxbase_admin;

create table fluxbase.settings (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now(),
  -- A module that adds settings replaces this one, and adds the rule for their values.
  constraint name_is_known check (
    name in (
      'realtime.max_connections',
      'realtime.max_connections_per_user',
      'realtime.max_connections_per_ip'
    )
  ),
  constraint limit_is_a_count check (
    not starts_with(name, 'realtime.max_') or value::text ~ '^[0-9]{1,9}$'
  )
);

comment on table fluxbase.settings is
  'Settings that hold for all processes from the commit on, and come before those of their
environment. fluxbase.set_setting(name, value) changes them. Published in fluxbase_system, so that
processes which remember some hear of it.';
comment on column fluxbase.settings.name is
  'MODULE.NAME.';
comment on column fluxbase.settings.value is
  'What it is set to; without a row the environment decides.';
comment on column fluxbase.settings.changed_at is
  'When it was set.';

-- Its policy lets service_role read.
alter table fluxbase.settings enable row level security;
grant select on fluxbase.settings to service_role;

create unlogged table realtime.connections (
  id text primary key,
  proxy text not null,
  role text not null,
  user_id text,
  ip text,
  opened_at timestamptz not null default now()
);

create index connections_user_id_idx on realtime.connections (user_id);
create index connections_ip_idx on realtime.connections (ip);
create index connections_proxy_idx on realtime.connections (proxy);

comment on table realtime.connections is
  'The open WebSockets of all processes; realtime.connection_counts() counts them.';
comment on column realtime.connections.id is
  'Drawn by the process when it was opened.';
comment on column realtime.connections.proxy is
  'The process that holds it: a row of realtime.proxies.';
comment on column realtime.connections.role is
  'The role of its latest token.';
comment on column realtime.connections.user_id is
  'The subject of its latest token that has one; null while it is anonymous.';
comment on column realtime.connections.ip is
  'Where it came from: an IPv4 address, or the first 64 bits of an IPv6 one; null if not known.';
comment on column realtime.connections.opened_at is
  'When it was admitted.';

-- No policy: only security definer functions of ours use this table.
alter table realtime.connections enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop function if exists fluxbase.set_setting(text, jsonb);
drop table realtime.connections;
drop table fluxbase.settings;
