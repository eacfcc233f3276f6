set local role fluxbase_admin;

create type auth.factor_type as enum ('totp', 'webauthn', 'phone', 'recovery_code');
comment on type auth.factor_type is
  'By what users show a second time who they are.';

create type auth.factor_status as enum ('unverified', 'verified');
comment on type auth.factor_status is
  'Whether a factor was shown to be its user''s.';

create table auth.mfa_factors (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  friendly_name text,
  factor_type auth.factor_type not null,
  status auth.factor_status not null default 'unverified',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  secret text,
  phone text,
  last_challenged_at timestamptz,
  web_authn_credential jsonb,
  web_authn_aaguid uuid,
  last_webauthn_challenge_data jsonb,
  last_step bigint
);

create index mfa_factors_user_id_idx on auth.mfa_factors (user_id);
create index mfa_factors_unverified_idx on auth.mfa_factors (created_at)
  where status = 'unverified';
create unique index mfa_factors_user_friendly_name_unique
  on auth.mfa_factors (friendly_name, user_id)
  where trim(friendly_name) <> '';
create unique index mfa_factors_one_set_of_recovery_codes on auth.mfa_factors (user_id)
  where factor_type = 'recovery_code';

comment on table auth.mfa_factors is
  'Second factors of users. Shaped as in Supabase, so that a dump can be imported: secrets in
plaintext that come so are sealed when a process starts, or at their first use.';
comment on column auth.mfa_factors.id is 'The factor.';
comment on column auth.mfa_factors.user_id is 'Whose it is.';
comment on column auth.mfa_factors.friendly_name is
  'How its user calls it; no two of a user are called the same.';
comment on column auth.mfa_factors.factor_type is 'What it is.';
comment on column auth.mfa_factors.status is
  'unverified until the first proof; only verified ones count.';
comment on column auth.mfa_factors.created_at is 'When it was enrolled.';
comment on column auth.mfa_factors.updated_at is 'When something of this row changed last.';
comment on column auth.mfa_factors.secret is
  'The secret of totp, in base32, sealed (package proxy/seal) from the first moment.';
comment on column auth.mfa_factors.phone is 'The number (E.164 without +) of phone.';
comment on column auth.mfa_factors.last_challenged_at is 'When it was asked for last.';
comment on column auth.mfa_factors.web_authn_credential is
  'The credential record of webauthn (WebAuthn level 3, section 4), without any secret.';
comment on column auth.mfa_factors.web_authn_aaguid is 'The model of its authenticator.';
comment on column auth.mfa_factors.last_webauthn_challenge_data is 'Of a dump; not used.';
comment on column auth.mfa_factors.last_step is
  'The time step of the last code of totp that was accepted: it and all before are used up.';

-- No policy: only security definer functions of ours use these tables.
alter table auth.mfa_factors enable row level security;

create table auth.mfa_challenges (
  id uuid primary key default gen_random_uuid(),
  factor_id uuid not null references auth.mfa_factors (id) on delete cascade,
  created_at timestamptz not null default now(),
  verified_at timestamptz,
  ip_address inet,
  otp_code text,
  web_authn_session_data jsonb,
  code_hash bytea,
  constraint code_hash_is_sha256 check (octet_length(code_hash) = 32)
);

create index mfa_challenges_factor_id_idx on auth.mfa_challenges (factor_id);
create index mfa_challenges_created_at_idx on auth.mfa_challenges (created_at);

comment on table auth.mfa_challenges is
  'What users were asked to show a factor for; each is good once.';
comment on column auth.mfa_challenges.id is 'The challenge.';
comment on column auth.mfa_challenges.factor_id is 'The factor.';
comment on column auth.mfa_challenges.created_at is 'When it was made.';
comment on column auth.mfa_challenges.verified_at is
  'When it was used: by a right code, or by any answer of webauthn.';
comment on column auth.mfa_challenges.ip_address is 'From where it was asked for.';
comment on column auth.mfa_challenges.otp_code is 'Of a dump; not used.';
comment on column auth.mfa_challenges.web_authn_session_data is
  'What the answer of an authenticator must fit.';
comment on column auth.mfa_challenges.code_hash is
  'HMAC of the code that was sent to a phone, under a key that is not in the database.';

alter table auth.mfa_challenges enable row level security;

create table auth.mfa_recovery_codes (
  id uuid primary key default gen_random_uuid(),
  factor_id uuid not null references auth.mfa_factors (id) on delete cascade,
  code_hash bytea not null,
  created_at timestamptz not null default now(),
  used_at timestamptz,
  constraint code_is_of_one_set unique (factor_id, code_hash),
  constraint code_hash_is_sha256 check (octet_length(code_hash) = 32)
);

comment on table auth.mfa_recovery_codes is
  'Codes by which users get in who have lost their other factors; each is good once.';
comment on column auth.mfa_recovery_codes.id is 'An id.';
comment on column auth.mfa_recovery_codes.factor_id is 'The set that it belongs to.';
comment on column auth.mfa_recovery_codes.code_hash is
  'SHA-256 of the code, which has 80 random bits.';
comment on column auth.mfa_recovery_codes.created_at is 'When it was made.';
comment on column auth.mfa_recovery_codes.used_at is 'When it was used.';

alter table auth.mfa_recovery_codes enable row level security;

create table auth.two_factor_recovery_attempts (
  id bigint primary key generated always as identity,
  user_id uuid not null references auth.users (id) on delete cascade,
  kind auth.factor_type not null,
  attempted_at timestamptz not null default clock_timestamp(),
  success boolean not null default false,
  finished_at timestamptz,
  locked_until timestamptz,
  cleared_at timestamptz,
  factor_id uuid,
  session_id uuid,
  challenge_id uuid
);

create index two_factor_recovery_attempts_user_id_attempted_at_idx
  on auth.two_factor_recovery_attempts (user_id, attempted_at);
create index two_factor_recovery_attempts_attempted_at_idx
  on auth.two_factor_recovery_attempts (attempted_at);

comment on table auth.two_factor_recovery_attempts is
  'Attempts to show a second factor. Each is there, as a failure, before its code is looked at, so
that who tries many at once gets no more of them. Logged, so that a crash gives nobody new tries.';
comment on column auth.two_factor_recovery_attempts.id is 'Grows.';
comment on column auth.two_factor_recovery_attempts.user_id is 'Who tried.';
comment on column auth.two_factor_recovery_attempts.kind is 'By what.';
comment on column auth.two_factor_recovery_attempts.attempted_at is 'When.';
comment on column auth.two_factor_recovery_attempts.success is 'Whether it was right.';
comment on column auth.two_factor_recovery_attempts.finished_at is
  'When that was known; null while it is looked at, and if it never was.';
comment on column auth.two_factor_recovery_attempts.locked_until is
  'Until when none is looked at, if it was one too many.';
comment on column auth.two_factor_recovery_attempts.cleared_at is
  'Since when it counts no more: by a later success, or auth.clear_failed_attempts.';
comment on column auth.two_factor_recovery_attempts.factor_id is 'The factor.';
comment on column auth.two_factor_recovery_attempts.session_id is 'The session.';
comment on column auth.two_factor_recovery_attempts.challenge_id is 'The challenge, if any.';

alter table auth.two_factor_recovery_attempts enable row level security;

create table auth.webauthn_credentials (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  credential_id bytea not null,
  public_key bytea not null,
  attestation_type text not null default '',
  aaguid uuid,
  sign_count bigint not null default 0,
  transports jsonb not null default '[]',
  backup_eligible boolean not null default false,
  backed_up boolean not null default false,
  friendly_name text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_used_at timestamptz,
  constraint credential_is_of_one_user unique (credential_id),
  constraint friendly_name_is_short check (char_length(friendly_name) <= 120)
);

create index webauthn_credentials_user_id_idx on auth.webauthn_credentials (user_id);

comment on table auth.webauthn_credentials is
  'Passkeys, by which users sign in (WebAuthn level 3).';
comment on column auth.webauthn_credentials.id is 'The passkey.';
comment on column auth.webauthn_credentials.user_id is 'Whose it is.';
comment on column auth.webauthn_credentials.credential_id is
  'How the authenticator knows it.';
comment on column auth.webauthn_credentials.public_key is 'Its public key (COSE).';
comment on column auth.webauthn_credentials.attestation_type is
  'How the authenticator vouched for it.';
comment on column auth.webauthn_credentials.aaguid is 'The model of the authenticator.';
comment on column auth.webauthn_credentials.sign_count is
  'The counter of its last signature; 0 if the authenticator has none.';
comment on column auth.webauthn_credentials.transports is
  'How the authenticator is reached.';
comment on column auth.webauthn_credentials.backup_eligible is
  'Whether it may be copied to other devices of its user.';
comment on column auth.webauthn_credentials.backed_up is 'Whether it was.';
comment on column auth.webauthn_credentials.friendly_name is 'How its user calls it.';
comment on column auth.webauthn_credentials.created_at is 'When it was registered.';
comment on column auth.webauthn_credentials.updated_at is 'When the row last changed.';
comment on column auth.webauthn_credentials.last_used_at is
  'When somebody last signed in by it.';

alter table auth.webauthn_credentials enable row level security;

create table auth.webauthn_challenges (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  challenge_type text not null,
  session_data jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint challenge_type_is_known check (
    challenge_type in ('signup', 'registration', 'authentication')
  )
);

create index webauthn_challenges_user_id_idx on auth.webauthn_challenges (user_id);
create index webauthn_challenges_expires_at_idx on auth.webauthn_challenges (expires_at);

comment on table auth.webauthn_challenges is
  'Passkeys that are being registered or shown. A challenge is deleted by its first answer.';
comment on column auth.webauthn_challenges.id is 'The challenge.';
comment on column auth.webauthn_challenges.user_id is
  'Who registers one; null where anybody may sign in.';
comment on column auth.webauthn_challenges.challenge_type is 'What it is for.';
comment on column auth.webauthn_challenges.session_data is
  'What the answer of the authenticator must fit.';
comment on column auth.webauthn_challenges.created_at is 'When it was made.';
comment on column auth.webauthn_challenges.expires_at is 'When it is good no more.';

alter table auth.webauthn_challenges enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop table auth.webauthn_challenges;
drop table auth.webauthn_credentials;
drop table auth.two_factor_recovery_attempts;
drop table auth.mfa_recovery_codes;
drop table auth.mfa_challenges;
drop table auth.mfa_factors;
-- With the functions that take or give one.
drop type auth.factor_status cascade;
drop type auth.factor_type cascade;
drop function if exists auth.hold_session(uuid);
