set local role fluxbase_admin;

create table fluxbase.code (
  is_only boolean primary key default true,
  hash text not null,
  installed_at timestamptz not null default now(),
  constraint there_is_one_row check (is_only),
  constraint hash_is_sha256 check (hash ~ '^[0-9a-f]{64}$')
);

comment on table fluxbase.code is
  'Which text of plpgsql/ is installed, so that an unchanged one is not installed again.';
comment on column fluxbase.code.is_only is
  'Always true: holds the table to one row.';
comment on column fluxbase.code.hash is
  'SHA-256, in hexadecimal, of the installed text and the number of the last migration under it.';
comment on column fluxbase.code.installed_at is
  'When that text was installed.';

-- No policy: only who migrates, as the owner, reads and writes this table.
alter table fluxbase.code enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop table fluxbase.code;
