create or replace function auth.user_of_identity(provider text, provider_id text, data jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_email text := case
    when (data ->> 'email_verified')::boolean then nullif(lower(data ->> 'email'), '')
  end;
  v_user auth.users;
begin
  -- Of two who come at once as one new person, the second waits, and finds what the first made.
  perform auth.lock_identity(user_of_identity.provider, user_of_identity.provider_id);
  -- The user first, as everywhere.
  perform
  from auth.users as u
  where u.id = (
    select i.user_id
    from auth.identities as i
    where i.provider = user_of_identity.provider
    and i.provider_id = user_of_identity.provider_id
  )
  for no key update;

  update auth.identities as i
  -- What is told once alone, such as a name, stays; an address that is told no more does not.
  set identity_data = (i.identity_data - array['email', 'email_verified'])
        || auth.require_value(data, 'data'),
      last_sign_in_at = clock_timestamp(),
      updated_at = clock_timestamp()
  where i.provider = user_of_identity.provider
  and i.provider_id = user_of_identity.provider_id
  returning i.user_id into v_user.id;

  if found then
    update auth.users as u
    set raw_user_meta_data = coalesce(u.raw_user_meta_data, '{}') || data
    where u.id = v_user.id;
    return jsonb_build_object('user_id', v_user.id);
  end if;

  if v_email is null and not exists (
    select
    from auth.oauth_providers as p
    where p.name = user_of_identity.provider
    and p.email_optional
  ) then
    return jsonb_build_object('error', case
      when nullif(data ->> 'email', '') is null then 'email_address_not_provided'
      else 'provider_email_needs_verification'
    end);
  end if;

  loop
    select u.* into v_user
    from auth.users as u
    where u.email = v_email
    and not u.is_sso_user
    for no key update;

    if found then
      if v_user.deleted_at is not null then
        return '{"error": "user_not_found"}'::jsonb;
      end if;
      -- While addresses count without a mail, who has one need not be its owner.
      if v_user.email_confirmed_at is not null and (
        not auth.setting('mailer_autoconfirm')::boolean
        or exists (
          select
          from auth.identities as i
          where i.user_id = v_user.id
          and i.email = v_email
          and (i.identity_data ->> 'email_verified')::boolean
        )
      ) then
        if v_user.banned_until > clock_timestamp() then
          return '{"error": "user_banned"}'::jsonb;
        end if;
        if not auth.setting('link_verified_emails')::boolean then
          return '{"error": "email_exists"}'::jsonb;
        end if;
        exit;
      end if;

      if auth.disown_address(v_user.id) then
        update auth.users as u
        set email_confirmed_at = clock_timestamp()
        where u.id = v_user.id;
        exit;
      end if;
    end if;

    if auth.setting('disable_signup')::boolean then
      return '{"error": "signup_disabled"}'::jsonb;
    end if;
    perform auth.announce_user(jsonb_build_object(
      'aud', 'authenticated',
      'role', '',
      'email', coalesce(v_email, ''),
      'phone', '',
      'app_metadata', jsonb_build_object('provider', user_of_identity.provider),
      'user_metadata', data,
      'identities', '[]'::jsonb,
      'is_anonymous', false
    ));
    insert into auth.users as u (email, email_confirmed_at)
    values (v_email, case when v_email is not null then clock_timestamp() end)
    -- Who comes by another account with the same address, or by a sign-up.
    on conflict do nothing
    returning u.id into v_user.id;

    if found then
      perform audit.record(
        'user.signed_up', v_user.id::text,
        jsonb_build_object('provider', user_of_identity.provider)
      );
      exit;
    end if;
  end loop;

  perform auth.add_identity(
    v_user.id, user_of_identity.provider, user_of_identity.provider_id, data
  );
  return jsonb_build_object('user_id', v_user.id);
end;
$$;

comment on function auth.user_of_identity(text, text, jsonb) is
  'Whose an account at a provider is, where the provider has just said who came, with the claims
data (email, email_verified and so on): the user it is linked to; else the one whose confirmed
address the provider has verified too (setting link_verified_emails); else a new one. An address
that the provider has not verified leads to nobody and is nobody''s. An address that a user never
showed to be theirs goes to who comes with it verified: see auth.disown_address. Returns
{"user_id"}, or {"error"}: email_address_not_provided, provider_email_needs_verification,
email_exists, signup_disabled, user_banned, user_not_found.';

revoke all on function auth.user_of_identity(text, text, jsonb) from public;
grant execute on function auth.user_of_identity(text, text, jsonb) to service_role;
