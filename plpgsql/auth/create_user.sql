create or replace function auth.create_user(attributes jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_given constant jsonb := create_user.attributes;
  v_now constant timestamptz := clock_timestamp();
  v_email constant text := nullif(lower(v_given ->> 'email'), '');
  v_phone constant text := nullif(v_given ->> 'phone', '');
  v_role constant text := coalesce(nullif(v_given ->> 'role', ''), 'authenticated');
  v_hash constant text := nullif(v_given ->> 'hash', '');
  v_by constant text[] := array_remove(array[
    case when v_email is not null then 'email' end, case when v_phone is not null then 'phone' end
  ], null);
  v_user uuid;
begin
  if v_by = '{}' then
    return '{"error": "validation_failed",
      "message": "Cannot create a user without either an email or phone"}'::jsonb;
  end if;
  if not auth.is_role_of_users(v_role) then
    return '{"error": "validation_failed", "message": "The role is none of users"}'::jsonb;
  end if;

  insert into auth.users as u (
    id, email, phone, encrypted_password, role, raw_app_meta_data, raw_user_meta_data,
    email_confirmed_at, phone_confirmed_at, banned_until, created_at, last_sign_in_at,
    password_changed_at
  )
  values (
    coalesce((v_given ->> 'id')::uuid, gen_random_uuid()), v_email, v_phone, v_hash, v_role,
    jsonb_build_object('provider', v_by[1], 'providers', v_by)
      || coalesce(nullif(v_given -> 'app_metadata', 'null'), '{}'),
    coalesce(nullif(v_given -> 'user_metadata', 'null'), '{}'),
    case
      when v_email is null then null
      when v_given ->> 'email_confirmed_at' is not null
        then (v_given ->> 'email_confirmed_at')::timestamptz
      when (v_given ->> 'email_confirm')::boolean then v_now
    end,
    case
      when v_phone is null then null
      when v_given ->> 'phone_confirmed_at' is not null
        then (v_given ->> 'phone_confirmed_at')::timestamptz
      when (v_given ->> 'phone_confirm')::boolean then v_now
    end,
    v_now + nullif(v_given ->> 'ban_duration', 'none')::interval,
    coalesce((v_given ->> 'created_at')::timestamptz, v_now),
    (v_given ->> 'last_sign_in_at')::timestamptz,
    case when v_hash is not null then v_now end
  )
  -- Of twenty who come at once with one address, nineteen wait for the first here.
  on conflict do nothing
  returning u.id into v_user;

  if v_user is null then
    return case
      when exists (select from auth.users as u where u.email = v_email and not u.is_sso_user)
        then '{"error": "email_exists"}'::jsonb
      when exists (select from auth.users as u where u.phone = v_phone)
        then '{"error": "phone_exists"}'
      else '{"error": "conflict", "message": "Another user has this id"}'
    end;
  end if;

  perform auth.keep_identity(v_user, i.provider)
  from unnest(v_by) as i (provider);
  insert into auth.identities (provider_id, user_id, provider, identity_data)
  select i.provider_id, v_user, i.provider, jsonb_build_object('sub', i.provider_id) || i.data
  from (
    select
      g.identity ->> 'id' as provider_id,
      g.identity ->> 'provider' as provider,
      coalesce(nullif(g.identity -> 'identity_data', 'null'), '{}') as data
    from jsonb_array_elements(coalesce(nullif(v_given -> 'identities', 'null'), '[]'))
      as g (identity)
  ) as i
  where i.provider not in ('email', 'phone');

  perform audit.record(
    'user.created', v_user::text, jsonb_build_object('providers', v_by, 'role', v_role)
  );
  return auth.user_json(v_user);
end;
$$;

comment on function auth.create_user(jsonb) is
  'Makes a user. attributes: email, phone (one of both at least), hash of a password, email_confirm
and phone_confirm (true: nothing has to be shown), user_metadata, app_metadata, role, ban_duration
(an interval, or none), id; and of one who comes from elsewhere created_at, last_sign_in_at,
email_confirmed_at, phone_confirmed_at, and identities: [{"provider", "id", "identity_data"}].
Returns auth.user_json, or {"error"}: validation_failed, email_exists, phone_exists, conflict for an
id that is taken. Raises 23505 for an identity that is another user''s, 22007 and 22P02 for what is
no time, interval or id, 23514 for what cannot be.';

revoke all on function auth.create_user(jsonb) from public;
grant execute on function auth.create_user(jsonb) to service_role;
