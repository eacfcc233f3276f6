do $$
declare
  v_owner text;
begin
  select r.rolname into v_owner
  from pg_catalog.pg_namespace as n
  join pg_catalog.pg_roles as r on r.oid = n.nspowner
  where n.nspname = 'realtime';

  if found then
    raise exception using
      errcode = 'duplicate_schema',
      message = format('schema realtime already exists and belongs to %I', v_owner),
      hint = 'Serve this database with FLUXBASE_MODULES=rest, which installs nothing, or '
        'move that schema away first: alter schema realtime rename to realtime_before_fluxbase;';
  end if;

  -- To own the publications.
  execute format('grant create on database %I to fluxbase_admin', current_database());
end;
$$;

create schema realtime authorization fluxbase_admin;

comment on schema realtime is
  'Fluxbase: which tables tell of their changes, and how the stream of changes is.';

grant usage on schema realtime to service_role, fluxbase_replication;

-- They call its functions; its tables stay closed to them.
grant usage on schema fluxbase to service_role, fluxbase_replication;

set local role fluxbase_admin;

create table fluxbase.message_keys (
  id bigint generated always as identity primary key,
  -- Random are 244 of the 256 bits.
  key bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  made_at timestamptz not null default now(),
  constraint key_has_256_bits check (octet_length(key) = 32)
);

comment on table fluxbase.message_keys is
  'What authenticates the messages in the change stream; the newest signs, all verify. To replace
the key: insert into fluxbase.message_keys default values; and a minute later delete the others.';
comment on column fluxbase.message_keys.id is
  'Names the key in each message; the only column that is published.';
comment on column fluxbase.message_keys.key is
  'The secret of HMAC-SHA-256.';
comment on column fluxbase.message_keys.made_at is
  'When it was made.';

-- No policy: only security definer functions of ours read this table.
alter table fluxbase.message_keys enable row level security;

insert into fluxbase.message_keys default values;

-- Logged, although each row is rewritten every second: after a crash or a fail-over an
-- unlogged table is empty, and who revokes would wait for nobody while processes that
-- still live trust what they remember.
create table fluxbase.proxies (
  id uuid primary key,
  name text not null,
  timeline bigint not null,
  confirmed_lsn pg_lsn not null,
  live_until timestamptz not null,
  started_at timestamptz not null default now()
)
with (fillfactor = 50);

comment on table fluxbase.proxies is
  'The processes that serve this database and follow its changes. A row is a lease.';
comment on column fluxbase.proxies.id is
  'Drawn by the process when it starts.';
comment on column fluxbase.proxies.name is
  'Host and process, for people.';
comment on column fluxbase.proxies.timeline is
  'The timeline in which confirmed_lsn is a place.';
comment on column fluxbase.proxies.confirmed_lsn is
  'It has dealt with all that was committed before this place of the log.';
comment on column fluxbase.proxies.live_until is
  'From then on it trusts nothing it remembers, unless it has renewed its lease.';
comment on column fluxbase.proxies.started_at is
  'When it was first seen.';

-- No policy: fluxbase.renew and fluxbase.await use this table.
alter table fluxbase.proxies enable row level security;

---- create above / drop below ----

-- The publication supabase_realtime stays: what is in it is the application's choice.
drop publication if exists fluxbase_system;

-- With its functions go the event triggers that call them.
drop schema realtime cascade;

-- The code package's functions over these tables; it comes back whole.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'fluxbase'::regnamespace
    and p.proowner = 'fluxbase_admin'::regrole
  loop
    execute format('drop function %s', v_function);
  end loop;
end;
$$;

set local role fluxbase_admin;

drop table fluxbase.proxies;
drop table fluxbase.message_keys;

revoke usage on schema fluxbase from service_role, fluxbase_replication;
