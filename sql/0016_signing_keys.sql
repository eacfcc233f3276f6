set local role fluxbase_admin;

create table auth.signing_keys (
  kid text primary key,
  alg text not null,
  public_jwk jsonb not null,
  private_sealed text,
  state text not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  activated_at timestamptz,
  retired_at timestamptz,
  revoked_at timestamptz,
  revoked_reason text,
  constraint kid_is_short check (kid ~ '^[0-9A-Za-z_-]{1,64}$'),
  constraint alg_is_known check (alg in ('ES256', 'EdDSA', 'RS256')),
  constraint state_is_known check (state in ('next', 'current', 'retired', 'revoked')),
  constraint public_jwk_is_that_of_the_key check (
    public_jwk ->> 'kid' = kid and public_jwk ->> 'alg' = alg
    and public_jwk ->> 'kid' is not null and public_jwk ->> 'alg' is not null
  ),
  constraint public_jwk_holds_no_secret check (
    not public_jwk ?| array['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth']
  ),
  constraint private_is_sealed check (private_sealed like 'fbs1.%'),
  constraint private_is_kept_until_revoked check ((private_sealed is null) = (state = 'revoked')),
  constraint activated_unless_next check (state in ('next', 'revoked') or activated_at is not null),
  constraint retired_at_some_time check (state <> 'retired' or retired_at is not null),
  constraint revoked_for_a_reason check (
    (state = 'revoked') = (revoked_at is not null)
    and (revoked_at is null) = (revoked_reason is null) and revoked_reason <> ''
  )
);

-- At most one that signs, and one that will.
create unique index signing_keys_state_idx on auth.signing_keys (state)
where state in ('current', 'next');

comment on table auth.signing_keys is
  'What access tokens are signed with. The public halves of next, current and retired keys are
published (auth.jwks); a token of a revoked one is refused at once. The functions
auth.add_signing_key, promote_signing_key and revoke_signing_key change it. Published in
fluxbase_system, so that every process hears of a change.';
comment on column auth.signing_keys.kid is
  'The id of the key, in the header of each token: the thumbprint of RFC 7638.';
comment on column auth.signing_keys.alg is
  'How it signs: ES256, EdDSA or RS256.';
comment on column auth.signing_keys.public_jwk is
  'The public half, as a JWK (RFC 7517).';
comment on column auth.signing_keys.private_sealed is
  'The private half, sealed under FLUXBASE_ENCRYPTION_KEY, which the database does not know; null
once revoked.';
comment on column auth.signing_keys.state is
  'next: published, and does not sign yet; current: signs; retired: no longer signs, and what it
signed holds; revoked: what it signed is refused.';
comment on column auth.signing_keys.created_by is
  'Who added it, as in audit.events.';
comment on column auth.signing_keys.created_at is
  'When it was added.';
comment on column auth.signing_keys.activated_at is
  'Since when it signs, or signed.';
comment on column auth.signing_keys.retired_at is
  'When another took its place.';
comment on column auth.signing_keys.revoked_at is
  'When it was revoked.';
comment on column auth.signing_keys.revoked_reason is
  'Why.';

-- No policy: only security definer functions of ours use this table.
alter table auth.signing_keys enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

drop procedure if exists auth.revoke_signing_key(text, text, text[]);
drop function if exists auth.add_signing_key(text, text, jsonb, text, boolean);
drop function if exists auth.promote_signing_key(boolean);
drop function if exists auth.end_signing_key(text, text);
drop function if exists auth.list_signing_keys();
drop function if exists auth.read_signing_key();
drop function if exists auth.jwks();
drop function if exists auth.check_sessions(uuid[]);
drop function if exists auth.read_ended_sessions(uuid, integer);
drop table auth.signing_keys;
