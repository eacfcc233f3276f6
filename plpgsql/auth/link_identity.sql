create or replace function auth.link_identity(
  user_id uuid,
  provider text,
  provider_id text,
  data jsonb
)
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
  v_owner uuid;
begin
  if not auth.setting('manual_linking_enabled')::boolean then
    return '{"error": "manual_linking_disabled"}'::jsonb;
  end if;
  perform auth.lock_identity(link_identity.provider, link_identity.provider_id);
  perform
  from auth.users as u
  where u.id = link_identity.user_id
  and u.deleted_at is null
  for no key update;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  end if;

  select i.user_id into v_owner
  from auth.identities as i
  where i.provider = link_identity.provider
  and i.provider_id = link_identity.provider_id;
  if found then
    return jsonb_build_object(
      'error', 'identity_already_exists',
      'message', case
        when v_owner = link_identity.user_id then 'Identity is already linked'
        else 'Identity is already linked to another user'
      end
    );
  end if;

  perform auth.add_identity(
    link_identity.user_id, link_identity.provider, link_identity.provider_id, data
  );
  begin
    update auth.users as u
    set is_anonymous = false,
        email_confirmed_at = case
          when u.email is null and v_email is not null then clock_timestamp()
          else u.email_confirmed_at
        end,
        email = coalesce(u.email, v_email)
    where u.id = link_identity.user_id;
  exception when unique_violation then
    -- Another has signed up with the address: they stay without one.
    update auth.users as u
    set is_anonymous = false
    where u.id = link_identity.user_id;
  end;
  return jsonb_build_object('user_id', link_identity.user_id);
end;
$$;

comment on function auth.link_identity(uuid, text, text, jsonb) is
  'Gives a signed-in user an account at a provider as a further way to sign in. Who was anonymous is
so no more; who had no address gets the one that the provider has verified, if nobody has it.
Returns {"user_id"}, or {"error"}: manual_linking_disabled, user_not_found,
identity_already_exists.';

revoke all on function auth.link_identity(uuid, text, text, jsonb) from public;
grant execute on function auth.link_identity(uuid, text, text, jsonb) to service_role;
