create schema pagination authorization fluxbase_admin;

comment on schema pagination is
  'Fluxbase: cursors, which name a place in an ordered table to read on from.';

-- Their functions are granted one by one; who pages as another role needs the same.
grant usage on schema pagination to anon, authenticated, service_role;

set local role fluxbase_admin;

create table pagination.keys (
  id bigint generated always as identity primary key,
  inner_block bytea not null,
  outer_block bytea not null,
  made_at timestamptz not null default now(),
  constraint blocks_are_those_of_sha256 check (
    octet_length(inner_block) = 64 and octet_length(outer_block) = 64
  )
);

comment on table pagination.keys is
  'What cursors are signed with; the newest signs, all verify. pagination.rotate_key() makes one.';
comment on column pagination.keys.id is
  'Grows; the highest is the newest.';
comment on column pagination.keys.inner_block is
  'The key of HMAC-SHA-256 with its inner padding (RFC 2104), made once and not for each cursor.';
comment on column pagination.keys.outer_block is
  'The same key with its outer padding.';
comment on column pagination.keys.made_at is
  'When it was made.';

-- No policy: only security definer functions of ours read this table.
alter table pagination.keys enable row level security;

alter table fluxbase.settings
  drop constraint name_is_known,
  add constraint name_is_known check (
    name in (
      'pagination.cursor_lifetime',
      'realtime.max_connections',
      'realtime.max_connections_per_user',
      'realtime.max_connections_per_ip'
    )
  ),
  add constraint cursor_lifetime_is_in_seconds check (
    name <> 'pagination.cursor_lifetime' or value::text ~ '^[1-9][0-9]{0,8}$'
  );

---- create above / drop below ----

set local role fluxbase_admin;

delete from fluxbase.settings as s
where s.name = 'pagination.cursor_lifetime';

alter table fluxbase.settings
  drop constraint cursor_lifetime_is_in_seconds,
  drop constraint name_is_known,
  add constraint name_is_known check (
    name in (
      'realtime.max_connections',
      'realtime.max_connections_per_user',
      'realtime.max_connections_per_ip'
    )
  );

reset role;

drop schema pagination cascade;
