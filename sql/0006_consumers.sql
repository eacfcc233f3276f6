set local role fluxbase_admin;

-- Published nowhere: that a place was stored concerns nobody else.
create table fluxbase.consumers (
  name text primary key,
  holder uuid not null,
  fence bigint not null default 1,
  held_until timestamptz not null,
  position text,
  stored_at timestamptz,
  constraint name_is_short check (octet_length(name) between 1 and 100),
  constraint position_is_one check (position ~ '^[0-9]+/[0-9]+/[0-9A-F]{1,8}/[0-9A-F]{1,8}$')
)
with (fillfactor = 50);

comment on table fluxbase.consumers is
  'Who does work for committed changes that must not be forgotten, and how far each has come. The
log from there on is kept, within the limit for slots. Other processes go on where one dies.';
comment on column fluxbase.consumers.name is
  'Names the work; one process at a time does it.';
comment on column fluxbase.consumers.holder is
  'The process that does it, or did it last.';
comment on column fluxbase.consumers.fence is
  'Grows when another process takes over, after which those before can store nothing.';
comment on column fluxbase.consumers.held_until is
  'From then on another process may take over.';
comment on column fluxbase.consumers.position is
  'System id, timeline and place in the log up to which all is done; null before it begins.';
comment on column fluxbase.consumers.stored_at is
  'When that was stored.';

-- No policy: only security definer functions of ours read and write this table.
alter table fluxbase.consumers enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

-- The code package's functions over the table; it comes back whole.
drop function if exists fluxbase.claim_consumer(text, uuid, interval, text);
drop function if exists fluxbase.store_position(text, bigint, text);
drop function if exists fluxbase.oldest_position(text);
drop function if exists fluxbase.forget_consumer(text);

drop table fluxbase.consumers;
