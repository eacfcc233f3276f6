-- Columns that Supabase has are of the types that they have there: functions of applications and
-- dumps name them.
-- squawk-ignore-file prefer-text-field, prefer-timestamp-tz
-- squawk-ignore-file prefer-bigint-over-int, prefer-bigint-over-smallint

set local role fluxbase_admin;

create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
comment on type auth.aal_level is
  'How surely a session knows its user: aal1 by one factor, aal2 by two.';

create type auth.code_challenge_method as enum ('s256', 'plain');
comment on type auth.code_challenge_method is
  'How a PKCE challenge follows from its verifier (RFC 7636, section 4.2).';

create type auth.one_time_token_type as enum (
  'confirmation_token', 'reauthentication_token', 'recovery_token', 'email_change_token_new',
  'email_change_token_current', 'phone_change_token'
);
comment on type auth.one_time_token_type is
  'What a one-time token is for.';

create table auth.users (
  instance_id uuid,
  id uuid primary key default gen_random_uuid(),
  aud varchar(255) default 'authenticated',
  role varchar(255) default 'authenticated',
  email varchar(255),
  encrypted_password varchar(255),
  email_confirmed_at timestamptz,
  invited_at timestamptz,
  confirmation_token varchar(255) default '',
  confirmation_sent_at timestamptz,
  recovery_token varchar(255) default '',
  recovery_sent_at timestamptz,
  email_change_token_new varchar(255) default '',
  email_change varchar(255) default '',
  email_change_sent_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb default '{}',
  raw_user_meta_data jsonb default '{}',
  is_super_admin boolean,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  phone text,
  phone_confirmed_at timestamptz,
  phone_change text default '',
  phone_change_token varchar(255) default '',
  phone_change_sent_at timestamptz,
  confirmed_at timestamptz
    generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
  email_change_token_current varchar(255) default '',
  email_change_confirm_status smallint default 0,
  banned_until timestamptz,
  reauthentication_token varchar(255) default '',
  reauthentication_sent_at timestamptz,
  is_sso_user boolean not null default false,
  deleted_at timestamptz,
  is_anonymous boolean not null default false,
  password_changed_at timestamptz,
  constraint email_is_lower_case check (email = lower(email)),
  constraint phone_has_digits_alone check (phone ~ '^[0-9]{5,20}$'),
  constraint email_change_confirm_status_is_known check (
    email_change_confirm_status between 0 and 2
  ),
  constraint role_is_one_of_users check (role not in ('none', 'service_role', 'fluxbase_admin')),
  constraint app_meta_data_is_object check (jsonb_typeof(raw_app_meta_data) = 'object'),
  constraint user_meta_data_is_object check (jsonb_typeof(raw_user_meta_data) = 'object')
);

-- Those of a company's own sign-in may have an address that another has too.
create unique index users_email_idx on auth.users (email) where not is_sso_user;
create unique index users_phone_idx on auth.users (phone);
create index users_created_at_id_idx on auth.users (created_at, id);
create index users_anonymous_idx on auth.users (created_at) where is_anonymous;

comment on table auth.users is
  'People who can sign in. Shaped as in Supabase, so that a dump of its schema auth can be imported;
refer to it by foreign keys on id. Functions of schema auth change it. The columns that end in
_token are there for such a dump alone: what is under way lies in auth.one_time_tokens, as hashes.';
comment on column auth.users.instance_id is 'Of a dump; not used.';
comment on column auth.users.id is
  'Who: the claim sub of tokens, auth.uid() in policies.';
comment on column auth.users.aud is 'The claim aud of tokens.';
comment on column auth.users.role is 'The database role that requests run as.';
comment on column auth.users.email is 'The address, in lower case; null without one.';
comment on column auth.users.encrypted_password is
  'The hash of the password, as proxy/auth/password writes and reads it: argon2id, or an imported
one; null or empty without a password.';
comment on column auth.users.email_confirmed_at is
  'When the address was shown to be theirs.';
comment on column auth.users.invited_at is 'When somebody invited them.';
comment on column auth.users.confirmation_token is 'Of a dump; not used.';
comment on column auth.users.confirmation_sent_at is
  'When the last mail was sent for that.';
comment on column auth.users.recovery_token is 'Of a dump; not used.';
comment on column auth.users.recovery_sent_at is
  'When the last mail was sent that signs in without a password.';
comment on column auth.users.email_change_token_new is 'Of a dump; not used.';
comment on column auth.users.email_change is
  'The address that they want to have; empty if none.';
comment on column auth.users.email_change_sent_at is 'When the mails for that were sent.';
comment on column auth.users.last_sign_in_at is 'When a session was opened last.';
comment on column auth.users.raw_app_meta_data is
  'What the application knows of them (claim app_metadata); users cannot change it.';
comment on column auth.users.raw_user_meta_data is
  'What they say of themselves (claim user_metadata); never decide about rights by it.';
comment on column auth.users.is_super_admin is 'Of a dump; not used.';
comment on column auth.users.created_at is 'When they signed up.';
comment on column auth.users.updated_at is 'When something of this row changed last.';
comment on column auth.users.phone is 'The number (E.164 without +); null without one.';
comment on column auth.users.phone_confirmed_at is
  'When the number was shown to be theirs.';
comment on column auth.users.phone_change is
  'The number that they want to have; empty if none.';
comment on column auth.users.phone_change_token is 'Of a dump; not used.';
comment on column auth.users.phone_change_sent_at is
  'When the message for that was sent.';
comment on column auth.users.confirmed_at is 'When the first of the two was confirmed.';
comment on column auth.users.email_change_token_current is 'Of a dump; not used.';
comment on column auth.users.email_change_confirm_status is
  'How many of the two addresses have agreed to the change.';
comment on column auth.users.banned_until is 'Until when they cannot sign in.';
comment on column auth.users.reauthentication_token is 'Of a dump; not used.';
comment on column auth.users.reauthentication_sent_at is
  'When the last code was sent by which they show again who they are.';
comment on column auth.users.is_sso_user is
  'Whether a company''s own sign-in vouches for them.';
comment on column auth.users.deleted_at is
  'When they were deleted, if the row was kept for what refers to it.';
comment on column auth.users.is_anonymous is
  'Whether nothing is known yet by which they could return.';
comment on column auth.users.password_changed_at is
  'When the password was last set; null if unknown.';

-- No policy: only security definer functions of ours use these tables.
alter table auth.users enable row level security;

create table auth.identities (
  provider_id text not null,
  user_id uuid not null references auth.users (id) on delete cascade,
  identity_data jsonb not null,
  provider text not null,
  last_sign_in_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  email text generated always as (lower(identity_data ->> 'email')) stored,
  id uuid primary key default gen_random_uuid(),
  constraint identity_is_of_one_user unique (provider_id, provider)
);

create index identities_user_id_idx on auth.identities (user_id);
create index identities_email_idx on auth.identities (email);

comment on table auth.identities is
  'By what people sign in: their address, their number, an account at a provider.';
comment on column auth.identities.provider_id is
  'Who they are there; for email and phone the id of the user.';
comment on column auth.identities.user_id is 'Whose it is.';
comment on column auth.identities.identity_data is
  'What the provider says of them; sub is the id there.';
comment on column auth.identities.provider is 'email, phone, google, github and so on.';
comment on column auth.identities.last_sign_in_at is 'When they last signed in by it.';
comment on column auth.identities.created_at is 'When it was linked.';
comment on column auth.identities.updated_at is 'When what is said last changed.';
comment on column auth.identities.email is
  'The address that the provider tells, in lower case.';
comment on column auth.identities.id is 'The id by which it is unlinked.';

alter table auth.identities enable row level security;

create table auth.sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  factor_id uuid,
  aal auth.aal_level default 'aal1',
  not_after timestamptz,
  refreshed_at timestamp,
  user_agent text,
  ip inet,
  tag text,
  oauth_client_id uuid,
  refresh_token_hmac_key text,
  refresh_token_counter bigint default 0,
  scopes text,
  refresh_token_parent bigint,
  tokens_until timestamptz,
  impersonator text
)
with (fillfactor = 80);

create index sessions_user_id_created_at_idx on auth.sessions (user_id, created_at);
create index sessions_not_after_idx on auth.sessions (not_after) where not_after is not null;

comment on table auth.sessions is
  'Who is signed in where. Its access tokens name it (claim session_id); a row that is deleted, also
with its user, ends them at once everywhere (auth.ended_sessions).';
comment on column auth.sessions.id is 'The claim session_id.';
comment on column auth.sessions.user_id is 'Who is signed in.';
comment on column auth.sessions.created_at is 'When they signed in.';
comment on column auth.sessions.updated_at is 'When the row last changed.';
comment on column auth.sessions.factor_id is 'The second factor that was given.';
comment on column auth.sessions.aal is 'How surely the user is known.';
comment on column auth.sessions.not_after is
  'When it ends whatever is done; null is never.';
comment on column auth.sessions.refreshed_at is
  'When the current refresh token was given out (UTC); null if it is the first.';
comment on column auth.sessions.user_agent is 'The client, as it names itself.';
comment on column auth.sessions.ip is
  'The address of the client when it was last heard of.';
comment on column auth.sessions.tag is 'Of a dump; not used.';
comment on column auth.sessions.oauth_client_id is 'Of a dump; not used.';
comment on column auth.sessions.refresh_token_hmac_key is
  'Of a dump; not used: no secret of ours lies in the database.';
comment on column auth.sessions.refresh_token_counter is
  'The number of the current refresh token, which processes make from it and a key of their own.';
comment on column auth.sessions.scopes is 'Of a dump; not used.';
comment on column auth.sessions.refresh_token_parent is
  'The number of the token that was shown for the current one; null if it is the first. Numbers
between the two were given out and replaced although nobody had shown them.';
comment on column auth.sessions.tokens_until is 'When the last access token expires.';
comment on column auth.sessions.impersonator is
  'Who acts in the user''s place, as audit.events tells it; null if the user does.';

alter table auth.sessions enable row level security;

create table auth.refresh_tokens (
  instance_id uuid,
  id bigint primary key generated by default as identity,
  token varchar(255) unique,
  user_id varchar(255),
  revoked boolean,
  created_at timestamptz,
  updated_at timestamptz,
  parent varchar(255),
  session_id uuid references auth.sessions (id) on delete cascade
);

create index refresh_tokens_session_id_idx on auth.refresh_tokens (session_id);

comment on table auth.refresh_tokens is
  'Refresh tokens of a dump of Supabase, which are good once, so that nobody who moves is signed
out. None of ours is kept anywhere: see auth.sessions.refresh_token_counter.';
comment on column auth.refresh_tokens.instance_id is 'Of a dump; not used.';
comment on column auth.refresh_tokens.id is 'Grows.';
comment on column auth.refresh_tokens.token is 'The token.';
comment on column auth.refresh_tokens.user_id is 'Whose it is.';
comment on column auth.refresh_tokens.revoked is 'Whether it was used.';
comment on column auth.refresh_tokens.created_at is 'When it was given out.';
comment on column auth.refresh_tokens.updated_at is 'When it was used.';
comment on column auth.refresh_tokens.parent is 'The token that was shown for it.';
comment on column auth.refresh_tokens.session_id is 'Its session.';

alter table auth.refresh_tokens enable row level security;

create table auth.mfa_amr_claims (
  session_id uuid not null references auth.sessions (id) on delete cascade,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  authentication_method text not null,
  id uuid primary key default gen_random_uuid(),
  constraint method_is_told_once unique (session_id, authentication_method)
);

comment on table auth.mfa_amr_claims is
  'How the user of a session showed who they are: the claim amr.';
comment on column auth.mfa_amr_claims.session_id is 'The session.';
comment on column auth.mfa_amr_claims.created_at is 'When that way was first taken.';
comment on column auth.mfa_amr_claims.updated_at is 'When it was last taken.';
comment on column auth.mfa_amr_claims.authentication_method is
  'The way: password, otp, magiclink, recovery, oauth, totp and so on.';
comment on column auth.mfa_amr_claims.id is 'An id.';

alter table auth.mfa_amr_claims enable row level security;

create table auth.ended_sessions (
  session_id uuid primary key,
  ended_at timestamptz not null default now(),
  forget_at timestamptz not null
);

create index ended_sessions_forget_at_idx on auth.ended_sessions (forget_at);

comment on table auth.ended_sessions is
  'Sessions that have ended while access tokens of theirs have not expired. Published in
fluxbase_system, so that every process refuses those tokens.';
comment on column auth.ended_sessions.session_id is 'The session, which is no more.';
comment on column auth.ended_sessions.ended_at is 'When it ended.';
comment on column auth.ended_sessions.forget_at is
  'When no token of it can be good any more.';

alter table auth.ended_sessions enable row level security;

create table auth.flow_state (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  auth_code text,
  code_challenge_method auth.code_challenge_method,
  code_challenge text,
  provider_type text not null,
  provider_access_token text,
  provider_refresh_token text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  authentication_method text not null,
  auth_code_issued_at timestamptz,
  code_hash bytea unique,
  expires_at timestamptz,
  used_at timestamptz,
  constraint code_hash_is_sha256 check (octet_length(code_hash) = 32)
);

create index flow_state_user_id_idx on auth.flow_state (user_id);
create index flow_state_created_at_idx on auth.flow_state (created_at);

comment on table auth.flow_state is
  'Sign-ins by PKCE (RFC 7636) that are under way: who began one alone can end it.';
comment on column auth.flow_state.id is 'The flow.';
comment on column auth.flow_state.user_id is 'Who signs in; null until known.';
comment on column auth.flow_state.auth_code is 'Of a dump; not used.';
comment on column auth.flow_state.code_challenge_method is 'How the challenge was made.';
comment on column auth.flow_state.code_challenge is 'What the verifier must fit.';
comment on column auth.flow_state.provider_type is 'email, phone, or the provider.';
comment on column auth.flow_state.provider_access_token is
  'The token of the provider, sealed.';
comment on column auth.flow_state.provider_refresh_token is
  'The refresh token of the provider, sealed.';
comment on column auth.flow_state.created_at is 'When it began.';
comment on column auth.flow_state.updated_at is 'When it last changed.';
comment on column auth.flow_state.authentication_method is
  'The way, as in the claim amr.';
comment on column auth.flow_state.auth_code_issued_at is 'When a code was given out.';
comment on column auth.flow_state.code_hash is 'SHA-256 of that code.';
comment on column auth.flow_state.expires_at is 'When the code is good no more.';
comment on column auth.flow_state.used_at is 'When the code was exchanged for a session.';

alter table auth.flow_state enable row level security;

create table auth.one_time_tokens (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  token_type auth.one_time_token_type not null,
  token_hash text not null,
  relates_to text not null,
  created_at timestamp not null default (now() at time zone 'utc'),
  updated_at timestamp not null default (now() at time zone 'utc'),
  purpose text,
  code_hash bytea,
  redirect_to text,
  flow_id uuid references auth.flow_state (id) on delete cascade,
  expires_at timestamptz,
  used_at timestamptz,
  superseded_at timestamptz,
  constraint token_is_hashed check (token_hash <> ''),
  constraint code_hash_is_sha256 check (octet_length(code_hash) = 32)
);

create index one_time_tokens_user_id_idx on auth.one_time_tokens (user_id, token_type);
create index one_time_tokens_token_hash_idx on auth.one_time_tokens using hash (token_hash);
create index one_time_tokens_flow_id_idx on auth.one_time_tokens (flow_id);
create index one_time_tokens_created_at_idx on auth.one_time_tokens (created_at);

comment on table auth.one_time_tokens is
  'Links and codes that were sent out. A row each, which stays for a while after its use, so that
what is shown again can be told from what never was.';
comment on column auth.one_time_tokens.id is 'An id.';
comment on column auth.one_time_tokens.user_id is 'To whom it was sent.';
comment on column auth.one_time_tokens.token_type is 'What it is for.';
comment on column auth.one_time_tokens.token_hash is
  'SHA-256, in hexadecimal, of what the link holds.';
comment on column auth.one_time_tokens.relates_to is
  'The address or number that it was sent to.';
comment on column auth.one_time_tokens.created_at is 'When it was made (UTC).';
comment on column auth.one_time_tokens.updated_at is 'When it last changed (UTC).';
comment on column auth.one_time_tokens.purpose is
  'signup, invite, magiclink, recovery, email_change, sms and so on: the type of /verify.';
comment on column auth.one_time_tokens.code_hash is
  'HMAC of the short code under a key that is not in the database: a million codes are soon tried.';
comment on column auth.one_time_tokens.redirect_to is 'Where the link leads in the end.';
comment on column auth.one_time_tokens.flow_id is 'The PKCE flow that it belongs to.';
comment on column auth.one_time_tokens.expires_at is 'When it is good no more.';
comment on column auth.one_time_tokens.used_at is 'When it was used.';
comment on column auth.one_time_tokens.superseded_at is
  'When a newer one took its place.';

alter table auth.one_time_tokens enable row level security;

create table auth.settings (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now(),
  changed_by text not null
);

comment on table auth.settings is
  'What differs from the defaults; auth.known_settings() lists all, auth.set_setting changes one.';
comment on column auth.settings.name is 'Which.';
comment on column auth.settings.value is 'Its value.';
comment on column auth.settings.changed_at is 'When it was changed.';
comment on column auth.settings.changed_by is 'Who changed it, as in audit.events.';

alter table auth.settings enable row level security;

create table auth.attempts (
  kind text not null,
  key text not null,
  failures integer not null default 0,
  first_failed_at timestamptz not null default now(),
  last_failed_at timestamptz not null default now(),
  blocked_until timestamptz,
  primary key (kind, key)
)
with (fillfactor = 70);

create index attempts_last_failed_at_idx on auth.attempts (last_failed_at);

comment on table auth.attempts is
  'How often somebody failed to show who they are. Logged, so that a crash gives nobody new tries.';
comment on column auth.attempts.kind is 'At what: password and so on.';
comment on column auth.attempts.key is 'Who is counted: an account, an address, or both.';
comment on column auth.attempts.failures is 'How often, since the first.';
comment on column auth.attempts.first_failed_at is 'When the count began.';
comment on column auth.attempts.last_failed_at is 'When it last happened.';
comment on column auth.attempts.blocked_until is
  'Until when nothing is tried; null is not at all.';

alter table auth.attempts enable row level security;

-- Keys may be for auth alone.
alter table auth.service_keys
  drop constraint modules_are_known,
  -- squawk-ignore constraint-missing-not-valid
  add constraint modules_are_known check (
    cardinality(modules) > 0 and modules <@ array['admin', 'auth', 'realtime', 'rest']
  );

---- create above / drop below ----

set local role fluxbase_admin;

alter table auth.service_keys
  drop constraint modules_are_known,
  add constraint modules_are_known check (
    cardinality(modules) > 0 and modules <@ array['admin', 'realtime', 'rest']
  );

drop function if exists auth.sweep();
drop function if exists auth.user_of_session(uuid, uuid);
drop function if exists auth.sign_in_with_password(uuid, text, text, text, inet);
drop function if exists auth.sign_in_anonymously(jsonb, text, inet);
drop function if exists auth.sign_up(text, text, text, jsonb, text, inet);
drop function if exists auth.make_user(text, text, text, jsonb, boolean);
drop function if exists auth.find_account(text, text);
drop function if exists auth.sign_out(uuid, text);
drop function if exists auth.refresh_session(uuid, bigint, text, inet);
drop function if exists auth.open_session(uuid, text, text, inet, auth.aal_level);
drop function if exists auth.grant_of(uuid);
drop function if exists auth.claims_of(uuid);
drop function if exists auth.user_json(uuid);
drop function if exists auth.identities_json(uuid);
drop function if exists auth.token_lifetime();
drop function if exists auth.public_settings();
drop function if exists auth.set_setting(text, jsonb);
drop function if exists auth.setting(text);
drop function if exists auth.setting_defaults();
drop function if exists auth.known_settings();
drop function if exists auth.time_text(timestamptz);

drop table auth.attempts;
drop table auth.settings;
drop table auth.one_time_tokens;
drop table auth.flow_state;
drop table auth.mfa_amr_claims;
drop table auth.refresh_tokens;
drop table auth.sessions;
drop function if exists auth.tg_sessions__end();
drop table auth.ended_sessions;
drop table auth.identities;
drop table auth.users;
drop type auth.one_time_token_type;
drop type auth.code_challenge_method;
drop type auth.aal_level;
