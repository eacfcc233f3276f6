create or replace function auth.add_identity(
  user_id uuid,
  provider text,
  provider_id text,
  data jsonb
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into auth.identities (
    user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at
  )
  values (
    auth.require_value(add_identity.user_id, 'user_id'),
    auth.require_value(add_identity.provider, 'provider'),
    auth.require_value(add_identity.provider_id, 'provider_id'),
    auth.require_value(add_identity.data, 'data'),
    clock_timestamp(), clock_timestamp(), clock_timestamp()
  );
  update auth.users as u
  set raw_user_meta_data = coalesce(u.raw_user_meta_data, '{}') || add_identity.data
  where u.id = add_identity.user_id;
  perform auth.note_providers(add_identity.user_id);
  perform audit.record(
    'identity.linked', add_identity.user_id::text,
    jsonb_build_object('provider', add_identity.provider)
  );
end;
$$;

comment on function auth.add_identity(uuid, text, text, jsonb) is
  'Gives a user an account at a provider to sign in by, and what the provider says of them. For
functions that have decided that it is theirs. Raises 23503 without such a user, 23505 if it is
somebody''s already.';

revoke all on function auth.add_identity(uuid, text, text, jsonb) from public;
