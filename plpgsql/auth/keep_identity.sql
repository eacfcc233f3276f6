create or replace function auth.keep_identity(user_id uuid, provider text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into auth.identities as i (provider_id, user_id, provider, identity_data)
  select
    u.id, u.id, auth.require_value(keep_identity.provider, 'provider'),
    jsonb_build_object(
      'sub', u.id,
      'email_verified', u.email_confirmed_at is not null and keep_identity.provider = 'email',
      'phone_verified', u.phone_confirmed_at is not null and keep_identity.provider = 'phone'
    )
    || case keep_identity.provider
      when 'email' then jsonb_build_object('email', u.email)
      else jsonb_build_object('phone', u.phone)
    end
  from auth.users as u
  where u.id = keep_identity.user_id
  on conflict on constraint identity_is_of_one_user do update
  set identity_data = i.identity_data || excluded.identity_data,
      updated_at = clock_timestamp();

  update auth.users as u
  set raw_app_meta_data =
        jsonb_build_object('provider', keep_identity.provider)
        || coalesce(u.raw_app_meta_data, '{}')
        || jsonb_build_object(
          'providers',
          coalesce(u.raw_app_meta_data -> 'providers', '[]') || to_jsonb(keep_identity.provider)
        )
  where u.id = keep_identity.user_id
  and not coalesce(u.raw_app_meta_data -> 'providers', '[]') ? keep_identity.provider;
end;
$$;

comment on function auth.keep_identity(uuid, text) is
  'Has a user sign in by the address (email) or number (phone) that their row has: the identity and
the claims provider and providers follow it.';

revoke all on function auth.keep_identity(uuid, text) from public;
