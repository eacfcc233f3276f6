set local role fluxbase_admin;

-- Unlogged, because nobody is present after a crash: all connections are gone, or are
-- told of again by the processes that still hold them, which see that their row here
-- is missing.
create unlogged table realtime.proxies (
  id text primary key,
  name text not null,
  live_until timestamptz not null,
  started_at timestamptz not null default now()
)
with (fillfactor = 50);

comment on table realtime.proxies is
  'The processes that hold connections of clients. A row is a lease: what belongs to a process whose
lease has ended is removed by any other.';
comment on column realtime.proxies.id is
  'Drawn by the process when it starts.';
comment on column realtime.proxies.name is
  'Host and address, for people.';
comment on column realtime.proxies.live_until is
  'From then on it is taken for dead, unless it has renewed its lease.';
comment on column realtime.proxies.started_at is
  'When it was first seen.';

-- No policy: only security definer functions of ours use this table.
alter table realtime.proxies enable row level security;

create unlogged table realtime.presences (
  channel text primary key,
  proxy text not null,
  topic text not null,
  private boolean not null,
  key text not null,
  ref text not null,
  -- As the client wrote it: jsonb could hold neither zero characters nor its numbers
  -- as they are, and json would be read again by each who asks.
  meta text not null,
  since timestamptz not null default now(),
  constraint meta_is_an_object check (meta ~ '^{.*}$')
);

create index presences_topic_private_idx on realtime.presences (topic, private);
create index presences_proxy_idx on realtime.presences (proxy);

comment on table realtime.presences is
  'Who is present in which channel; realtime.presence(topic) lists it. Every change is told in the
stream by a message of the same transaction, so the two always agree.';
comment on column realtime.presences.channel is
  'The joined channel of one connection; drawn by the process at the join.';
comment on column realtime.presences.proxy is
  'The process that holds the connection: a row of realtime.proxies.';
comment on column realtime.presences.topic is
  'The name of the channel.';
comment on column realtime.presences.private is
  'Whether it was joined as a private channel: public and private ones of one name are two.';
comment on column realtime.presences.key is
  'Under which clients list it; many members may share one.';
comment on column realtime.presences.ref is
  'Names this member with this payload; a changed payload gets another.';
comment on column realtime.presences.meta is
  'The payload: the text of a JSON object.';
comment on column realtime.presences.since is
  'When it was tracked, with this payload.';

-- No policy: realtime.presence and those that the processes call use this table.
alter table realtime.presences enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop table realtime.presences;
drop table realtime.proxies;
