create or replace function auth.request_otp(
  email text,
  phone text,
  ticket jsonb,
  create_user boolean default true,
  data jsonb default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_by constant text := case when request_otp.email is not null then 'email' else 'phone' end;
  v_address constant text := coalesce(lower(request_otp.email), request_otp.phone);
  v_refused jsonb;
  v_user auth.users;
  v_ran text;
begin
  if not auth.setting(v_by || '_enabled')::boolean then
    return jsonb_build_object('error', v_by || '_provider_disabled');
  end if;
  v_refused := auth.take_turn(case v_by when 'email' then 'mail' else 'sms' end, v_address);
  if v_refused is not null then
    return v_refused;
  end if;

  for v_attempt in 1..2 loop
    select u.* into v_user
    from auth.users as u
    where not u.is_sso_user
    and u.deleted_at is null
    and case v_by when 'email' then u.email = v_address else u.phone = v_address end
    for no key update;
    exit when found;

    if not request_otp.create_user then
      return '{"error": "otp_disabled"}'::jsonb;
    end if;
    if auth.setting('disable_signup')::boolean then
      return '{"error": "signup_disabled"}'::jsonb;
    end if;
    -- Null if somebody has signed up with it in this moment: who is found the second time.
    perform auth.register_user(request_otp.email, request_otp.phone, null, request_otp.data);
  end loop;

  if v_user.id is null then -- one of a deleted user, which is theirs for ever
    return '{}'::jsonb;
  end if;
  if v_by = 'phone' then
    perform auth.issue_one_time_token(
      v_user.id,
      case
        when v_user.phone_confirmed_at is null and v_user.encrypted_password is not null
          then 'phone_otp'
        else 'sms'
      end,
      v_address, request_otp.ticket
    );
    return jsonb_build_object('sms', auth.user_json(v_user.id));
  end if;
  perform auth.mail_one_time_token(
    v_user.id,
    case
      when v_user.email_confirmed_at is null and v_user.encrypted_password is null then 'signup'
      else 'magiclink'
    end,
    v_address, request_otp.ticket
  );
  return '{}'::jsonb;
exception
  when sqlstate 'FXH01' then
    get stacked diagnostics v_ran = pg_exception_detail;
    return jsonb_build_object('announced', v_ran::jsonb);
end;
$$;

comment on function auth.request_otp(text, text, jsonb, boolean, jsonb) is
  'Sends a link and a code to an address, or a code to a phone, by which its user can sign in
without a password; unless create_user is false, one who is not known is signed up, with what they
say of themselves. ticket is that of auth.issue_one_time_token. Returns {}, or {"sms": the user to
send the code to}; or {"error"}: otp_disabled for who is not known, signup_disabled,
email_provider_disabled, phone_provider_disabled, over_email_send_rate_limit,
over_sms_send_rate_limit; or {"announced"} of auth.announce_user.';

revoke all on function auth.request_otp(text, text, jsonb, boolean, jsonb) from public;
grant execute on function auth.request_otp(text, text, jsonb, boolean, jsonb) to service_role;
