create or replace function auth.make_user(
  email text,
  phone text,
  hash text,
  data jsonb default null,
  confirmed boolean default false
)
  returns uuid
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_provider constant text := case
    when make_user.email is not null then 'email'
    when make_user.phone is not null then 'phone'
  end;
  v_confirmed constant timestamptz := case when make_user.confirmed then clock_timestamp() end;
  v_user uuid := gen_random_uuid();
begin
  if not exists (
    select
    from auth.users as u
    where not u.is_sso_user and u.email = lower(make_user.email) or u.phone = make_user.phone
  ) then
    perform auth.announce_user(jsonb_build_object(
      'id', v_user,
      'aud', 'authenticated',
      'role', '',
      'email', coalesce(lower(make_user.email), ''),
      'phone', coalesce(make_user.phone, ''),
      'app_metadata', jsonb_strip_nulls(jsonb_build_object('provider', v_provider)),
      'user_metadata', coalesce(make_user.data, '{}'),
      'identities', '[]'::jsonb,
      'is_anonymous', v_provider is null
    ));
  end if;

  insert into auth.users as u (
    id, email, phone, encrypted_password, raw_user_meta_data, raw_app_meta_data, is_anonymous,
    email_confirmed_at, phone_confirmed_at, password_changed_at
  )
  values (
    v_user, lower(make_user.email), make_user.phone, make_user.hash, coalesce(make_user.data, '{}'),
    case
      when v_provider is null then '{}'
      else jsonb_build_object('provider', v_provider, 'providers', jsonb_build_array(v_provider))
    end,
    v_provider is null,
    case when make_user.email is not null then v_confirmed end,
    case when make_user.phone is not null then v_confirmed end,
    case when make_user.hash is not null then clock_timestamp() end
  )
  -- Of twenty who come at once with one address, nineteen wait for the first here.
  on conflict do nothing
  returning u.id into v_user;

  if v_user is null or v_provider is null then
    return v_user;
  end if;

  insert into auth.identities (provider_id, user_id, provider, identity_data)
  values (
    v_user, v_user, v_provider,
    jsonb_build_object('sub', v_user, 'email_verified', false, 'phone_verified', false)
    || jsonb_strip_nulls(
      jsonb_build_object('email', lower(make_user.email), 'phone', make_user.phone)
    )
  );
  perform audit.record('user.signed_up', v_user::text, jsonb_build_object('provider', v_provider));
  return v_user;
end;
$$;

comment on function auth.make_user(text, text, text, jsonb, boolean) is
  'Makes a user with an address, a phone, or neither (who is anonymous then), the hash of a password
or null, and what they say of themselves, unless the hook before_user_created is against it. Returns
the id; null if another has the address or phone. Raises 23514 for what none can be, FXH01 as
auth.announce_user does.';

revoke all on function auth.make_user(text, text, text, jsonb, boolean) from public;
grant execute on function auth.make_user(text, text, text, jsonb, boolean) to service_role;
