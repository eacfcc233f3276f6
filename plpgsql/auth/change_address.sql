create or replace function auth.change_address(
  user_id uuid,
  provider text,
  address text,
  keep uuid default null
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user auth.users;
  v_said constant jsonb := jsonb_build_object(
    change_address.provider, auth.require_value(change_address.address, 'address'),
    change_address.provider || '_verified', true
  );
begin
  select u.* into v_user
  from auth.users as u
  where u.id = change_address.user_id
  for no key update;

  if not found then
    return false;
  end if;

  begin
    update auth.users as u
    set email = case change_address.provider
          when 'email' then change_address.address else u.email end,
        email_confirmed_at = case change_address.provider
          when 'email' then clock_timestamp() else u.email_confirmed_at end,
        email_change = case change_address.provider when 'email' then '' else u.email_change end,
        email_change_confirm_status = case change_address.provider
          when 'email' then 0 else u.email_change_confirm_status end,
        phone = case change_address.provider
          when 'phone' then change_address.address else u.phone end,
        phone_confirmed_at = case change_address.provider
          when 'phone' then clock_timestamp() else u.phone_confirmed_at end,
        phone_change = case change_address.provider when 'phone' then '' else u.phone_change end,
        is_anonymous = false,
        raw_user_meta_data =
          u.raw_user_meta_data || v_said || jsonb_build_object('sub', u.id),
        raw_app_meta_data = jsonb_build_object('provider', change_address.provider)
          || u.raw_app_meta_data
          || jsonb_build_object(
            'providers',
            case
              when u.raw_app_meta_data -> 'providers' ? change_address.provider
              then u.raw_app_meta_data -> 'providers'
              else coalesce(u.raw_app_meta_data -> 'providers', '[]')
                || to_jsonb(change_address.provider)
            end
          ),
        updated_at = clock_timestamp()
    where u.id = change_address.user_id;
  exception
    when unique_violation then
      return false;
  end;

  insert into auth.identities as i (provider_id, user_id, provider, identity_data)
  values (
    change_address.user_id, change_address.user_id, change_address.provider,
    jsonb_build_object(
      'sub', change_address.user_id, 'email_verified', false, 'phone_verified', false
    ) || v_said
  )
  on conflict on constraint identity_is_of_one_user do update
  set identity_data = i.identity_data || v_said,
      updated_at = clock_timestamp();

  -- What was sent to the old address or number must not sign anybody in any more.
  perform auth.end_one_time_tokens(
    change_address.user_id, keep => change_address.keep
  );
  perform audit.record(
    'user.' || change_address.provider || '_changed', change_address.user_id::text,
    jsonb_build_object('was_anonymous', v_user.is_anonymous)
  );
  if v_user.email_confirmed_at is not null then
    perform auth.queue_mail(
      change_address.provider || '_changed_notification', v_user.id, v_user.email,
      jsonb_strip_nulls(jsonb_build_object('old_email', v_user.email, 'old_phone', v_user.phone))
    );
  end if;
  return true;
end;
$$;

comment on function auth.change_address(uuid, text, text, uuid) is
  'Gives a user another address (provider email) or number (phone), which was shown to be theirs.
An anonymous one is anonymous no more, all links and codes that were sent to them are void but for
the one to keep, and the old address is told. Returns false, and changes nothing, if another user
has it.';

revoke all on function auth.change_address(uuid, text, text, uuid) from public;
grant execute on function auth.change_address(uuid, text, text, uuid) to service_role;
