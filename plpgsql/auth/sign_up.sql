create or replace function auth.sign_up(
  email text,
  phone text,
  hash text,
  data jsonb default null,
  user_agent text default null,
  ip inet default null,
  ticket jsonb default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_by constant text := case when sign_up.email is not null then 'email' else 'phone' end;
  v_address constant text := coalesce(lower(sign_up.email), sign_up.phone);
  v_confirmed constant boolean := auth.setting(
    case v_by when 'email' then 'mailer' else 'phone' end || '_autoconfirm'
  )::boolean;
  v_refused jsonb;
  v_user uuid;
  v_session uuid;
  v_there auth.users;
  v_sms jsonb;
  v_ran text;
begin
  if auth.setting('disable_signup')::boolean then
    return '{"error": "signup_disabled"}'::jsonb;
  end if;
  if not auth.setting(v_by || '_enabled')::boolean then
    return jsonb_build_object('error', v_by || '_provider_disabled');
  end if;
  if not v_confirmed then
    v_refused := auth.take_turn(case v_by when 'email' then 'mail' else 'sms' end, v_address);
    if v_refused is not null then
      return v_refused;
    end if;
  end if;

  v_user := auth.register_user(
    sign_up.email, sign_up.phone, sign_up.hash, sign_up.data, v_confirmed
  );
  if v_confirmed and v_user is null then
    return '{"error": "user_already_exists"}'::jsonb;
  elsif v_confirmed then
    v_session := auth.open_session(v_user, 'password', sign_up.user_agent, sign_up.ip);
    return auth.grant_of(v_session);
  end if;

  if v_user is null then
    select u.* into v_there
    from auth.users as u
    where not u.is_sso_user
    and u.deleted_at is null
    and case v_by when 'email' then u.email = v_address else u.phone = v_address end
    for no key update;

    if v_there.id is not null and v_there.confirmed_at is null then
      v_user := v_there.id;
      -- The new link takes the place of the older one, and so does what came with it.
      update auth.users as u
      set encrypted_password = sign_up.hash,
          password_changed_at = clock_timestamp(),
          raw_user_meta_data = coalesce(sign_up.data, '{}') || jsonb_build_object(
            'sub', u.id, v_by, v_address, 'email_verified', false, 'phone_verified', false
          )
      where u.id = v_user;
    elsif v_by = 'email' and v_there.id is not null then
      perform auth.queue_mail('account_exists_notification', v_there.id, v_address);
    end if;
  end if;

  if v_user is not null and v_by = 'email' then
    perform auth.mail_one_time_token(v_user, 'signup', v_address, sign_up.ticket);
  elsif v_by = 'phone' and coalesce(v_user, v_there.id) is not null then
    -- Who has an account gets a code as well, as by auth.request_otp: a number of whose owner
    -- nothing is sent would be one that somebody has.
    v_sms := auth.user_json(coalesce(v_user, v_there.id));
    perform auth.issue_one_time_token(
      (v_sms ->> 'id')::uuid, 'sms', v_address, sign_up.ticket
    );
  end if;

  return jsonb_build_object(
    'user', auth.unconfirmed_json(
      v_by, v_address, sign_up.data, coalesce(v_user, (sign_up.ticket ->> 'nobody')::uuid)
    ),
    'sms', v_sms
  );
exception
  when sqlstate 'FXH01' then
    get stacked diagnostics v_ran = pg_exception_detail;
    return jsonb_build_object('announced', v_ran::jsonb);
end;
$$;

comment on function auth.sign_up(text, text, text, jsonb, text, inet, jsonb) is
  'Signs somebody up who gave an address or a phone and a password, of which hash is the hash, and
signs them in if nothing has to be confirmed. If something has, ticket (auth.issue_one_time_token)
is mailed to the address, or is to be sent to the phone; who has an account already is told that in
a mail, or gets a code for that account; and the answer is alike in each case: "nobody" in ticket is
the id in it for who has an account. Returns auth.grant_of; {"user", "sms": null or the user to send
the code to}; or {"error"}: signup_disabled, email_provider_disabled, phone_provider_disabled,
over_email_send_rate_limit, over_sms_send_rate_limit, and user_already_exists if nothing has to be
confirmed; or {"announced"} of auth.announce_user.';

revoke all on function auth.sign_up(text, text, text, jsonb, text, inet, jsonb) from public;
grant execute on function auth.sign_up(text, text, text, jsonb, text, inet, jsonb) to service_role;
