create or replace function auth.unlink_identity(session_id uuid, user_id uuid, identity_id uuid)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_asker constant jsonb := auth.user_of_session(session_id, user_id);
  v_provider text;
  v_email text;
  v_refusal constant jsonb := auth.require_aal(
    session_id, 'mfa_require_aal2_for_user_changes'
  );
begin
  if v_asker ? 'error' then
    return v_asker;
  end if;
  if not auth.setting('manual_linking_enabled')::boolean then
    return '{"error": "manual_linking_disabled"}'::jsonb;
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;

  -- Two who unlink the last two at once come one after the other.
  perform
  from auth.users as u
  where u.id = unlink_identity.user_id
  for no key update;

  select i.provider into v_provider
  from auth.identities as i
  where i.id = unlink_identity.identity_id
  and i.user_id = unlink_identity.user_id;
  if not found then
    return '{"error": "identity_not_found"}'::jsonb;
  end if;
  if not exists (
    select
    from auth.identities as i
    where i.user_id = unlink_identity.user_id
    and i.id <> unlink_identity.identity_id
  ) then
    return '{"error": "single_identity_not_deletable"}'::jsonb;
  end if;

  begin
    delete from auth.identities as i
    where i.id = unlink_identity.identity_id;

    if v_provider = 'email' then
      -- Nobody signs in by it any more: the address is now one that another account vouches for.
      select i.email into v_email
      from auth.identities as i
      where i.user_id = unlink_identity.user_id
      and (i.identity_data ->> 'email_verified')::boolean
      order by i.created_at, i.id
      limit 1;
      update auth.users as u
      set email = v_email,
          email_confirmed_at = case when v_email is not null then clock_timestamp() end,
          encrypted_password = null,
          password_changed_at = null
      where u.id = unlink_identity.user_id;
    elsif v_provider = 'phone' then
      update auth.users as u
      set phone = null,
          phone_confirmed_at = null
      where u.id = unlink_identity.user_id;
    end if;
  exception when unique_violation then
    return '{"error": "email_conflict_identity_not_deletable"}'::jsonb;
  end;

  perform auth.note_providers(unlink_identity.user_id);
  perform audit.record(
    'identity.unlinked', unlink_identity.user_id::text,
    jsonb_build_object('provider', v_provider)
  );
  return '{}'::jsonb;
end;
$$;

comment on function auth.unlink_identity(uuid, uuid, uuid) is
  'Takes one of the accounts away by which the user of a session signs in: auth.identities.id. With
that of provider email go address and password, with that of provider phone the number. Returns {},
or {"error"}: session_not_found, user_not_found, manual_linking_disabled, identity_not_found,
single_identity_not_deletable, email_conflict_identity_not_deletable,
and those of auth.require_aal.';

revoke all on function auth.unlink_identity(uuid, uuid, uuid) from public;
grant execute on function auth.unlink_identity(uuid, uuid, uuid) to service_role;
