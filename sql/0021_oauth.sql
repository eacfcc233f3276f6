set local role fluxbase_admin;

create table auth.oauth_providers (
  name text primary key,
  preset text not null,
  enabled boolean not null default true,
  client_id text not null,
  client_secret_sealed text,
  additional_client_ids text[] not null default '{}',
  scopes text[] not null default '{}',
  issuer text,
  authorization_url text,
  token_url text,
  userinfo_url text,
  team_id text,
  key_id text,
  skip_nonce_check boolean not null default false,
  email_optional boolean not null default false,
  trust_email boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_is_a_word check (
    name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'
    and name not in ('email', 'phone', 'anonymous', 'web3', 'sso')
  ),
  constraint preset_is_known check (
    preset in (
      'oidc', 'oauth2', 'google', 'github', 'gitlab', 'apple', 'azure', 'discord', 'slack_oidc'
    )
  ),
  constraint client_id_is_given check (client_id <> ''),
  constraint oidc_has_issuer check (preset <> 'oidc' or issuer is not null),
  constraint oauth2_has_urls check (
    preset <> 'oauth2'
    or (authorization_url is not null and token_url is not null and userinfo_url is not null)
  ),
  constraint apple_has_team_and_key check (
    preset <> 'apple' or client_secret_sealed is null
    or (team_id is not null and key_id is not null)
  ),
  constraint urls_are_of_the_web check (
    coalesce(issuer, 'https://') ~ '^https?://'
    and coalesce(authorization_url, 'https://') ~ '^https?://'
    and coalesce(token_url, 'https://') ~ '^https?://'
    and coalesce(userinfo_url, 'https://') ~ '^https?://'
  )
);

comment on table auth.oauth_providers is
  'Where else people have accounts by which they may sign in here. auth.set_oauth_provider changes
one; the secret is sealed by fluxbase auth providers set.';
comment on column auth.oauth_providers.name is
  'As clients name it (signInWithOAuth), and auth.identities.provider.';
comment on column auth.oauth_providers.preset is
  'Whose ways it has: of one of the known ones, of any OpenID provider (oidc), or of a server that
speaks OAuth 2.0 alone (oauth2).';
comment on column auth.oauth_providers.enabled is 'Whether it is offered.';
comment on column auth.oauth_providers.client_id is 'As what we are registered there.';
comment on column auth.oauth_providers.client_secret_sealed is
  'The secret of that, sealed; of Apple the private key from which secrets are made. Null where
only ID tokens of apps are taken, or the client is a public one.';
comment on column auth.oauth_providers.additional_client_ids is
  'Apps whose ID tokens are taken as well.';
comment on column auth.oauth_providers.scopes is
  'What is asked for beyond what the preset needs.';
comment on column auth.oauth_providers.issuer is
  'The issuer (OpenID Connect Discovery), if not that of the preset.';
comment on column auth.oauth_providers.authorization_url is
  'Where people are sent, if not as the preset or the issuer says.';
comment on column auth.oauth_providers.token_url is
  'Where codes are exchanged, if not as the preset or the issuer says.';
comment on column auth.oauth_providers.userinfo_url is
  'Where it tells who somebody is, if not as the preset or the issuer says.';
comment on column auth.oauth_providers.team_id is 'Of Apple: the team.';
comment on column auth.oauth_providers.key_id is 'Of Apple: the id of the private key.';
comment on column auth.oauth_providers.skip_nonce_check is
  'Whether ID tokens of apps may have a nonce that the app does not tell.';
comment on column auth.oauth_providers.email_optional is
  'Whether people sign in without an address that the provider has verified; they have none here
then.';
comment on column auth.oauth_providers.trust_email is
  'Whether addresses of a provider that does not say so count as verified.';
comment on column auth.oauth_providers.created_at is 'When it was added.';
comment on column auth.oauth_providers.updated_at is 'When it last changed.';

-- No policy: only security definer functions of ours use these tables.
alter table auth.oauth_providers enable row level security;

create table auth.oauth_states (
  state_hash bytea primary key,
  provider text not null references auth.oauth_providers (name) on delete cascade,
  redirect_to text not null,
  verifier_sealed text not null,
  nonce text not null,
  browser_hash bytea,
  code_challenge text,
  code_challenge_method auth.code_challenge_method,
  link_user_id uuid references auth.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '10 minutes',
  constraint state_hash_is_sha256 check (octet_length(state_hash) = 32),
  constraint browser_hash_is_sha256 check (octet_length(browser_hash) = 32),
  constraint challenge_has_method check (
    (code_challenge is null) = (code_challenge_method is null)
  )
);

create index oauth_states_provider_idx on auth.oauth_states (provider);
create index oauth_states_link_user_id_idx on auth.oauth_states (link_user_id);
create index oauth_states_expires_at_idx on auth.oauth_states (expires_at);

comment on table auth.oauth_states is
  'Who was sent to a provider and has not come back: the state of OAuth 2.0 (RFC 6749, 10.12). A row
is deleted when it is used, so it works once, whichever process sees it.';
comment on column auth.oauth_states.state_hash is 'SHA-256 of the parameter state.';
comment on column auth.oauth_states.provider is 'Where to; no other may answer.';
comment on column auth.oauth_states.redirect_to is 'Where they want to be in the end.';
comment on column auth.oauth_states.verifier_sealed is
  'Our own PKCE verifier towards the provider (RFC 7636), sealed.';
comment on column auth.oauth_states.nonce is
  'What the ID token must say (OpenID Connect Core, 3.1.2.1).';
comment on column auth.oauth_states.browser_hash is
  'SHA-256 of the cookie of the browser that was sent; null where there is no browser yet.';
comment on column auth.oauth_states.code_challenge is
  'The PKCE challenge of the application towards us; null in the implicit flow.';
comment on column auth.oauth_states.code_challenge_method is 'How it was made.';
comment on column auth.oauth_states.link_user_id is
  'The user who adds the account to theirs; null for a sign-in.';
comment on column auth.oauth_states.created_at is 'When they were sent.';
comment on column auth.oauth_states.expires_at is 'When it is good no more.';

alter table auth.oauth_states enable row level security;

alter table auth.flow_state add column link_identity jsonb;

comment on column auth.flow_state.link_identity is
  'The account that its user gets with the exchange of the code: provider, provider_id, data. Null
where nothing is linked.';

---- create above / drop below ----

set local role fluxbase_admin;

drop function if exists auth.sign_in_with_identity(text, text, jsonb, uuid, jsonb, text, inet);
drop function if exists auth.unlink_identity(uuid, uuid, uuid);
drop function if exists auth.link_identity(uuid, text, text, jsonb);
drop function if exists auth.user_of_identity(text, text, jsonb);
drop function if exists auth.disown_address(uuid);
drop function if exists auth.lock_identity(text, text);
drop function if exists auth.add_identity(uuid, text, text, jsonb);
drop function if exists auth.note_providers(uuid);
drop function if exists auth.take_oauth_state(bytea);
drop function if exists auth.create_oauth_state(text, bytea, jsonb);
drop function if exists auth.oauth_provider(text);
drop function if exists auth.drop_oauth_provider(text);
drop function if exists auth.set_oauth_provider(text, jsonb);
drop function if exists auth.list_oauth_providers();
drop function if exists auth.oauth_preset(text);

alter table auth.flow_state drop column link_identity;
drop table auth.oauth_states;
drop table auth.oauth_providers;
