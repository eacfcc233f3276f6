-- What is indexed and may come from elsewhere is refused by its rule before the index refuses it,
-- in a way that tells nobody anything, at 2,704 bytes.

set local role fluxbase_admin;

alter table auth.identities
  add constraint provider_is_short check (octet_length(provider) <= 255) not valid,
  add constraint provider_id_is_short check (octet_length(provider_id) <= 1000) not valid,
  add constraint email_is_short check (octet_length(email) <= 1000) not valid;

alter table auth.mfa_factors
  add constraint friendly_name_is_short check (char_length(friendly_name) <= 500) not valid;

alter table auth.mfa_amr_claims
  add constraint method_is_short check (octet_length(authentication_method) <= 255) not valid;

alter table auth.attempts
  add constraint kind_is_short check (octet_length(kind) <= 255) not valid;

alter table auth.one_time_tokens
  add constraint relates_to_is_short check (octet_length(relates_to) <= 1000) not valid;

-- Web Authentication level 3, section 6.5.1.
alter table auth.webauthn_credentials
  add constraint credential_id_is_short check (octet_length(credential_id) <= 1023) not valid;

---- create above / drop below ----

set local role fluxbase_admin;

alter table auth.webauthn_credentials drop constraint credential_id_is_short;
alter table auth.one_time_tokens drop constraint relates_to_is_short;
alter table auth.attempts drop constraint kind_is_short;
alter table auth.mfa_amr_claims drop constraint method_is_short;
alter table auth.mfa_factors drop constraint friendly_name_is_short;
alter table auth.identities
  drop constraint email_is_short,
  drop constraint provider_id_is_short,
  drop constraint provider_is_short;
