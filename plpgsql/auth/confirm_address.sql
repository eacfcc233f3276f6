create or replace function auth.confirm_address(user_id uuid, purpose text)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_by constant text := case
    when confirm_address.purpose in ('sms', 'phone_otp') then 'phone'
    else 'email'
  end;
  v_was timestamptz;
begin
  select case v_by when 'phone' then u.phone_confirmed_at else u.email_confirmed_at end
  into v_was
  from auth.users as u
  where u.id = confirm_address.user_id
  for no key update;

  if not found or v_was is not null then
    return;
  end if;

  update auth.users as u
  set email_confirmed_at =
        case v_by when 'email' then clock_timestamp() else u.email_confirmed_at end,
      phone_confirmed_at =
        case v_by when 'phone' then clock_timestamp() else u.phone_confirmed_at end,
      -- Somebody signed up with a password and did not show that the address is theirs. Now
      -- its owner has come by another way, and knows nothing of that password.
      encrypted_password =
        case when confirm_address.purpose in ('magiclink', 'recovery', 'phone_otp') then null
          else u.encrypted_password
        end,
      raw_user_meta_data = u.raw_user_meta_data || jsonb_build_object(v_by || '_verified', true),
      updated_at = clock_timestamp()
  where u.id = confirm_address.user_id;

  update auth.identities as i
  set identity_data = i.identity_data || jsonb_build_object(v_by || '_verified', true),
      updated_at = clock_timestamp()
  where i.user_id = confirm_address.user_id
  and i.provider = v_by;

  perform audit.record(
    'user.confirmed', confirm_address.user_id::text,
    jsonb_build_object('by', v_by, 'purpose', confirm_address.purpose)
  );
end;
$$;

comment on function auth.confirm_address(uuid, text) is
  'Notes that a user has shown that their address, or their number (purpose sms or phone_otp), is
theirs. By a magic link, a recovery or a phone_otp, a password goes that was set before: whoever set
it has not shown that. Changes nothing for one who is confirmed.';

revoke all on function auth.confirm_address(uuid, text) from public;
grant execute on function auth.confirm_address(uuid, text) to service_role;
