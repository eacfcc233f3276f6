set local role fluxbase_admin;

create table auth.known_addresses (
  account text not null,
  network text not null,
  signed_in_at timestamptz not null default now(),
  primary key (account, network)
);

comment on table auth.known_addresses is
  'From where accounts were signed in to, so that guesses from elsewhere don''t keep their owners
out. auth.clear_attempts adds to it.';
comment on column auth.known_addresses.account is
  'SHA-256 of what names the account, in hexadecimal, as in auth.attempts.';
comment on column auth.known_addresses.network is
  'The address, or the /64 of one of IPv6.';
comment on column auth.known_addresses.signed_in_at is
  'When that was last; after 180 days it is forgotten.';

create index known_addresses_signed_in_at_idx on auth.known_addresses (signed_in_at);

-- No policy: only security definer functions of ours use this table.
alter table auth.known_addresses enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop function if exists auth.sign_in_with_password(uuid, text, text, text, inet, text);
drop function if exists auth.begin_sign_in(text, text, inet);
drop function if exists auth.password_rules();
drop function if exists auth.begin_attempt(text, inet, text);
drop function if exists auth.clear_attempts(text, inet, text, boolean);
drop function if exists auth.forget_attempts(text);
drop function if exists auth.attempt_counters(text, inet, text);
drop table auth.known_addresses;
